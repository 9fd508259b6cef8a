import Failures

/// Why a frame is not a valid request. The connection is then closed, as in Kafka.
struct ProtocolError: Failure {
  var rule: String

  var kind: FailureKind { .rejected }
  var description: String { rule }
}
