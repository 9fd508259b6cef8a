import Failures

/// The reason why bytes are not the expected message.
package struct WireError: Failure {
  package var position: Int
  package var rule: String
  package var kind: FailureKind { .rejected }
  package var description: String { "byte \(position): \(rule)" }
}
