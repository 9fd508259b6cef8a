internal import CTimerSlack
import Time

/// By how much the kernel may delay the time-outs of a thread, to fire several of them at once.
package enum TimerSlack {
  /// Runs `body` with a larger slack of the calling thread. Threads that `body` starts keep the larger slack. Where the
  /// kernel does not allow the change, only runs `body`.
  package static func raised<Result>(to slack: Duration, _ body: () -> Result) -> Result {
    let before = millrace_timer_slack()
    let nanoseconds = slack.milliseconds * 1_000_000
    guard before >= 0, millrace_set_timer_slack(UInt(max(0, nanoseconds))) == 0 else { return body() }
    defer { millrace_set_timer_slack(UInt(before)) }
    return body()
  }
}
