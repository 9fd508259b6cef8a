import Failures

/// The reason why bytes are not JSON.
package struct JSONError: Failure {
  /// Byte offset from the start of the value.
  package var position: Int
  package var rule: String
  package var kind: FailureKind { .rejected }
  package var description: String { "byte \(position): \(rule)" }
}
