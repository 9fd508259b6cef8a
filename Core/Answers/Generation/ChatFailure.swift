import Failures

/// Why an LLM gave no answer, or only a part of one.
package struct ChatFailure: Failure {
  /// `refused` means an HTTP status that is not retried, or an error in the reply; `broken` a reply that was cut short
  /// or can't be read.
  package enum Reason: String, Sendable {
    case unreachable, timeout, overloaded, refused, broken
  }
  package var reason: Reason
  /// May contain the server's own sentence, but no keys and no users' text, so that it can be logged.
  package var message: String
  /// The HTTP status, or the code of an error in the reply; nil when there was neither.
  package var status: Int?

  package init(reason: Reason, message: String, status: Int? = nil) {
    self.reason = reason
    self.message = message
    self.status = status
  }

  package var kind: FailureKind { reason == .refused ? .rejected : .retriable }
  package var description: String { "LLM \(reason.rawValue): \(message)" }
}
