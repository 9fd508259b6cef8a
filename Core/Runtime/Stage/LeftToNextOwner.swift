import Failures

/// The record is in flight at its partition's new owner, who knows more: it is neither finished here nor
/// tried again, and is worked on again if its partition comes back.
package struct LeftToNextOwner: Failure {
  package init() {}

  package var kind: FailureKind { .cancelled }
  package var description: String { "left to the next owner of its partition" }
}
