import Foundation

/// The processor time that a thread takes, which other work on the machine hardly changes.
package enum ProcessorTime {
  /// The processor time of this thread while it runs `body`.
  package static func measure(_ body: () throws -> Void) rethrows -> Duration {
    let start = now
    try body()
    return now - start
  }

  private static var now: Duration {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }
}
