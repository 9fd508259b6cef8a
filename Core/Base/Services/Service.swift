import Foundation

/// A part of a process that runs until it is told to stop.
package protocol Service: Sendable {
  /// The name in log lines.
  var name: String { get }
  /// Works until `shutdown()` is called, then finishes the work in flight and returns. Near the end of the
  /// grace period its task is cancelled. It then drops work that will be redelivered.
  ///
  /// - Throws: any error that ends the service; the error also stops the group.
  func run() async throws
  /// Asks `run()` to finish. It need not wait for that: the group waits for `run()` before it stops the
  /// services that were started earlier.
  func shutdown() async
}
