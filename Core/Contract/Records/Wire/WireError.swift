import Failures

/// The reason why bytes are not the expected message.
package struct WireError: Failure {
  package var position: Int
  package var rule: String
  /// True for a record of a newer release: a worker of that release can read it.
  package var isNewer = false
  package var kind: FailureKind { isNewer ? .retriable : .rejected }
  package var description: String { "byte \(position): \(rule)" }
}
