import Synchronization
import Time

/// How long recent calls to the LLM took, so that a call that would probably not end in time is not begun.
///
/// Otherwise, when prompts wait in the queue for almost as long as their deadline allows, every call would begin too
/// late, and all of the LLM's work would be wasted.
package final class CallTimes: Sendable {
  private static let countMax = 64
  private static let age = Duration.seconds(60)
  private static let countMin = 4

  private let calls = Mutex<[(at: ContinuousClock.Instant, took: Duration)]>([])

  package init() {}

  /// Adds a call that ended. A call that timed out counts too: it would have taken at least this long.
  package func add(_ took: Duration, at now: ContinuousClock.Instant = .now) {
    calls.withLock { calls in
      calls.append((now, took))
      if calls.count > Self.countMax { calls.removeFirst() }
    }
  }

  /// The median duration of the calls of the last minute; nil when there were too few. Older calls are forgotten, so
  /// the LLM is tried again after a slow minute.
  package func usual(at now: ContinuousClock.Instant = .now) -> Duration? {
    calls.withLock { calls in
      calls.removeAll { now - $0.at > Self.age }
      guard calls.count >= Self.countMin else { return nil }
      return calls.map(\.took).sorted()[calls.count / 2]
    }
  }

  /// True if a call that is as long as the median fits in `left`, or if the median is unknown and time is left.
  package func hasChance(within left: Duration, at now: ContinuousClock.Instant = .now) -> Bool {
    guard left > .zero else { return false }
    return usual(at: now).map { $0 <= left } ?? true
  }
}
