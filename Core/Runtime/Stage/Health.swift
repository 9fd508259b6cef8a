import Foundation
import Synchronization

/// What a process says of itself to probes.
package final class Health: Sendable {
  private struct State {
    var blockers: Set<String> = ["starting"]
    /// Reasons that hold for several at once, with their number.
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
  /// The process works no more and must be restarted.
  package func fail(_ reason: String) { state.withLock { $0.failure = reason } }

  package var isReady: Bool { state.withLock { $0.blockers.isEmpty && $0.held.isEmpty && $0.failure == nil } }
  /// What `/status` shows, as JSON; asked at each request, on a thread of the server.
  package func setReport(_ report: @escaping @Sendable () -> String) { state.withLock { $0.report = report } }
  package var report: (@Sendable () -> String)? { state.withLock { $0.report } }
  package var failure: String? { state.withLock { $0.failure } }
  package var blockers: [String] { state.withLock { $0.blockers.union($0.held.keys).sorted() } }
}
