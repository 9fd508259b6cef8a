import Failures

/// The reason why an exchange failed.
package struct HTTPClientFailure: Failure, Equatable {
  /// `invalid`: the request's URL can't be used. `broken`: any other failure of the exchange.
  package enum Reason: String, Sendable { case unreachable, timeout, tooLarge, broken, invalid }
  package var reason: Reason
  package var message: String
  package init(_ reason: Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }
  package var kind: FailureKind {
    switch reason {
    case .unreachable, .timeout, .broken: .retriable
    case .tooLarge, .invalid: .rejected
    }
  }
  package var description: String { "\(reason.rawValue): \(message)" }
}
