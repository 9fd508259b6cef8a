import Foundation
import KafkaClient

/// Swift's runtime writes a backtrace before a crashed process ends, and takes half a minute for it (6.3.1, no terminal):
/// meanwhile nobody starts the worker again, and its partitions stand still.
enum Crashes {
  /// Whoever sets SWIFT_BACKTRACE wants to see where.
  static func endAtOnce() {
    guard ProcessInfo.processInfo.environment["SWIFT_BACKTRACE"] == nil else { return }
    for number in [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGTRAP] { signal(number, SIG_DFL) }
  }
}
