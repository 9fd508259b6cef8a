import Failures

/// No pipeline runs in the state folder of a command.
package struct NothingRuns: Failure {
  package let description: String
  package var kind: FailureKind { .retriable }

  /// - Parameter advises: whether the command could use another broker.
  package init(_ directory: StateDirectory, advises: Bool = false) {
    description =
      "no pipeline runs in \(directory.path): start one with `millrace up --state \(directory.path)`"
      + (advises ? ", or name a broker with --kafka-bootstrap-servers" : "")
  }
}
