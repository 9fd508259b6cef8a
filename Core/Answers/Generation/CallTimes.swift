import Synchronization
import Time

/// How long calls to the LLM took lately: a call that can't end in time is not begun.
///
/// When the queue is older than a deadline, every call would begin too late, and all of the LLM's work would be thrown
/// away.
package final class CallTimes: Sendable {
  private static let countMax = 64
  private static let age = Duration.seconds(60)
  private static let countMin = 4

  private let calls = Mutex<[(at: ContinuousClock.Instant, took: Duration)]>([])

  package init() {}

  /// Adds a call that ended, also one that ran out of time: it would have taken at least so long.
  package func add(_ took: Duration, at now: ContinuousClock.Instant = .now) {
    calls.withLock { calls in
      calls.append((now, took))
      if calls.count > Self.countMax { calls.removeFirst() }
    }
  }

  /// What half of the calls of the last minute took at most; nil when there were too few. So a slow minute is
  /// forgotten, and the LLM is tried again.
  package func usual(at now: ContinuousClock.Instant = .now) -> Duration? {
    calls.withLock { calls in
      calls.removeAll { now - $0.at > Self.age }
      guard calls.count >= Self.countMin else { return nil }
      return calls.map(\.took).sorted()[calls.count / 2]
    }
  }

  /// Whether a call that may take so long has a fair chance to end.
  package func hasChance(within left: Duration, at now: ContinuousClock.Instant = .now) -> Bool {
    guard left > .zero else { return false }
    return usual(at: now).map { $0 <= left } ?? true
  }
}
