import Foundation
import Synchronization

/// Notes when this machine was stalled: a thread that sleeps 20 ms again and again wakes late.
package final class StallWatch: Sendable {
  private let stalls = Mutex<[(start: ContinuousClock.Instant, end: ContinuousClock.Instant)]>([])
  private static let pause = Duration.milliseconds(20)
  /// Shorter delays are usual on a busy machine.
  private static let shortest = Duration.milliseconds(100)

  package init() {
    Thread.detachNewThread { [weak self] in
      while true {
        let due = ContinuousClock.now + Self.pause
        Thread.sleep(forTimeInterval: 0.02)
        let now = ContinuousClock.now
        guard let self else { return }
        if now - due > Self.shortest { self.stalls.withLock { $0.append((due, now)) } }
      }
    }
  }

  /// How long the machine was stalled between two times.
  package func stalled(_ start: ContinuousClock.Instant, _ end: ContinuousClock.Instant) -> Duration {
    stalls.withLock { stalls in
      stalls.reduce(.zero) { $0 + max(.zero, min($1.end, end) - max($1.start, start)) }
    }
  }
}
