import Foundation

/// A part of a process that runs until it is told to stop.
package protocol Service: Sendable {
  /// For log lines.
  var name: String { get }
  /// Works until `shutdown()` is called, then finishes what is in flight and returns; near the end of the grace period
  /// its task is cancelled, and it leaves undone what can be done again. A throw stops the group.
  func run() async throws
  /// Asks `run()` to finish; returns at once or when it is safe to stop the services started before.
  func shutdown() async
}
