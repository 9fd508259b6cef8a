import Foundation

/// The share of the processor that a thread gets beside others.
package enum ThreadPriority {
  /// Gives way to the process's other threads from now on. Linux keeps a priority for each thread.
  package static func lower() { _ = setpriority(__priority_which_t(0), 0, 10) }
}
