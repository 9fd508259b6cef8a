/// A required service or process is not running or can't be reached.
package struct Unavailable: Failure {
  /// Names the service and says how to start or reach it.
  package let description: String
  package var kind: FailureKind { .retriable }

  package init(_ description: String) { self.description = description }
}
