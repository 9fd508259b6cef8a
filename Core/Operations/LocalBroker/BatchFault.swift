import Failures

/// Why a batch is refused: the error code for the producer, and the broken rule.
struct BatchFault: Failure {
  var code: ErrorCode
  var rule: String

  var kind: FailureKind { .rejected }
  var description: String { "\(code): \(rule)" }
}
