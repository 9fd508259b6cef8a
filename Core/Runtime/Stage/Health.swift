import Foundation
import Synchronization

/// What a process says of itself to probes.
package final class Health: Sendable {
  private struct State {
    var blockers: Set<String> = ["starting"]
    var failure: String?
  }
  private let state = Mutex(State())

  package init() {}

  /// The process is not ready while any blocker is set.
  package func block(_ reason: String) { state.withLock { _ = $0.blockers.insert(reason) } }
  package func unblock(_ reason: String) { state.withLock { _ = $0.blockers.remove(reason) } }
  /// The process works no more and must be restarted.
  package func fail(_ reason: String) { state.withLock { $0.failure = reason } }

  package var isReady: Bool { state.withLock { $0.blockers.isEmpty && $0.failure == nil } }
  package var failure: String? { state.withLock { $0.failure } }
  package var blockers: [String] { state.withLock { $0.blockers.sorted() } }
}
