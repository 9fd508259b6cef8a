import Foundation

/// The scheduling priority of threads.
package enum ThreadPriority {
  /// Lowers the priority of the calling thread, so that the process's other threads get more processor time.
  /// Linux keeps a priority for each thread, so `setpriority` changes only this one.
  package static func lower() { _ = setpriority(__priority_which_t(0), 0, 10) }
}
