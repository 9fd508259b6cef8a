import Failures

/// An error that only a person or a restart can resolve.
package struct StageFatal: Failure {
  package let description: String
  package var kind: FailureKind { .fatal }
  package init(_ description: String) { self.description = description }
}
