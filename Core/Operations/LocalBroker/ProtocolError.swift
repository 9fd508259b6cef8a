import Failures

/// Why a request can't be answered: the frame is not a valid request, or the response would be too long. The connection
/// is then closed.
struct ProtocolError: Failure {
  var rule: String

  var kind: FailureKind { .rejected }
  var description: String { rule }
}
