import Failures

/// Why a server can't start, or a response can't be sent.
package struct HTTPFailure: Failure {
  package var description: String
  package var kind = FailureKind.fatal
}
