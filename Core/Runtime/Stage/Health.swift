import Foundation
import Synchronization

/// The state that a process reports to probes.
package final class Health: Sendable {
  private struct State {
    var blockers: Set<String> = ["starting"]
    /// Blockers that several callers may set at once, each with the number of its holders.
    var held: [String: Int] = [:]
    var failure: String?
    var report: (@Sendable () -> String)?
  }
  private let state = Mutex(State())

  package init() {}

  /// The process is not ready while any blocker is set.
  package func block(_ reason: String) { state.withLock { _ = $0.blockers.insert(reason) } }
  package func unblock(_ reason: String) { state.withLock { _ = $0.blockers.remove(reason) } }
  /// As `block`, but each call needs a `release` of its own.
  package func hold(_ reason: String) { state.withLock { $0.held[reason, default: 0] += 1 } }
  package func release(_ reason: String) {
    state.withLock { state in
      state.held[reason, default: 0] -= 1
      if state.held[reason] ?? 0 <= 0 { state.held[reason] = nil }
    }
  }
  /// Reports that the process has failed and must be restarted.
  package func fail(_ reason: String) { state.withLock { $0.failure = reason } }

  package var isReady: Bool { state.withLock { $0.blockers.isEmpty && $0.held.isEmpty && $0.failure == nil } }
  /// Sets the function that makes the JSON of `/status`. It is called at each request, on a thread of the server.
  package func setReport(_ report: @escaping @Sendable () -> String) { state.withLock { $0.report = report } }
  package var report: (@Sendable () -> String)? { state.withLock { $0.report } }
  package var failure: String? { state.withLock { $0.failure } }
  package var blockers: [String] { state.withLock { $0.blockers.union($0.held.keys).sorted() } }
}
