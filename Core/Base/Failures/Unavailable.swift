/// A service or a process that must run does not.
package struct Unavailable: Failure {
  /// Names the service, and how to start or reach it.
  package let description: String
  package var kind: FailureKind { .retriable }

  package init(_ description: String) { self.description = description }
}
