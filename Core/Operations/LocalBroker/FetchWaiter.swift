import Dispatch
import Foundation

/// Wakes one long poll.
final class FetchWaiter: Sendable {
  private let semaphore = DispatchSemaphore(value: 0)
  func signal() { semaphore.signal() }
  /// Waits until the deadline, even if records are appended.
  func pause(until deadline: DispatchTime) { _ = DispatchSemaphore(value: 0).wait(timeout: deadline) }
  func wait(until deadline: DispatchTime) { _ = semaphore.wait(timeout: deadline) }
}
