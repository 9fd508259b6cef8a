import Foundation
import KafkaClient
import Synchronization

/// Whether a stage may be a member of its group.
package final class Gate: Sendable {
  private let open: Mutex<Bool>
  package init(isOpen: Bool) { open = Mutex(isOpen) }
  package var isOpen: Bool { open.withLock { $0 } }
  package func set(open isOpen: Bool) { open.withLock { $0 = isOpen } }

  /// - Returns: false when the stage stops, or the task is cancelled, before the gate is open.
  package func waitUntilOpen(orStopped isStopped: @Sendable () -> Bool) async -> Bool {
    while !isOpen {
      if isStopped() { return false }
      do { try await Task.sleep(for: .milliseconds(20)) } catch { return false }
    }
    return true
  }
}
