import Foundation
import KafkaClient

/// Swift's runtime writes a backtrace before a crashed process ends, which takes half a minute (6.3.1, no
/// terminal). Until then the worker is not restarted, and its partitions are not processed.
enum Crashes {
  /// Does nothing when SWIFT_BACKTRACE is set, because the user then wants the backtrace.
  static func endAtOnce() {
    guard ProcessInfo.processInfo.environment["SWIFT_BACKTRACE"] == nil else { return }
    for number in [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGTRAP] { signal(number, SIG_DFL) }
  }
}
