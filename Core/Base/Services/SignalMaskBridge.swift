import Foundation

/// Runs `body` with no signal blocked in this thread.
///
/// Threads of Swift's pool block all signals, and a child process inherits the mask of the thread that
/// starts it. SIGTERM would never reach such a child.
///
/// - Throws: the error that `body` throws.
package func withoutBlockedSignals<Result>(_ body: () throws -> Result) rethrows -> Result {
  var none = sigset_t()
  var former = sigset_t()
  unsafe sigemptyset(&none)
  unsafe pthread_sigmask(SIG_SETMASK, &none, &former)
  defer { unsafe pthread_sigmask(SIG_SETMASK, &former, nil) }
  return try body()
}
