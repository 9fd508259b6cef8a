import Failures

/// Why an LLM gave no answer, or only a part of one.
package struct ChatFailure: Failure {
  /// `refused` means an HTTP status that is not retried, or an error in the stream; `broken` a stream cut
  /// short.
  package enum Reason: String, Sendable {
    case unreachable, timeout, overloaded, refused, broken
  }
  package var reason: Reason
  package var message: String

  package var kind: FailureKind { reason == .refused ? .rejected : .retriable }
  package var description: String { "LLM \(reason.rawValue): \(message)" }
}
