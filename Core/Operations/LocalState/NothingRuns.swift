import Failures

/// No pipeline runs in the state folder of a command.
package struct NothingRuns: Failure {
  package let description: String
  package var kind: FailureKind { .retriable }

  package init(_ directory: StateDirectory) {
    description =
      "no pipeline runs in \(directory.path): start one with `millrace up --state \(directory.path)`, "
      + "or name a broker with --kafka-bootstrap-servers"
  }
}
