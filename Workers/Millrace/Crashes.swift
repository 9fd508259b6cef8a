import Foundation
import KafkaClient

/// Makes a crashed process end at once. Otherwise Swift's runtime first writes a backtrace, which takes half a minute
/// (Swift 6.3.1, without a terminal); until then the worker is not restarted, and its partitions are not processed.
enum Crashes {
  /// Does nothing when SWIFT_BACKTRACE is set, because the user then wants the backtrace.
  static func endAtOnce() {
    guard ProcessInfo.processInfo.environment["SWIFT_BACKTRACE"] == nil else { return }
    for number in [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGTRAP] { signal(number, SIG_DFL) }
  }
}
