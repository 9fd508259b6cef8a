import Failures

/// The reason why a call got no reply. Callers go on without Redis.
package struct RedisFailure: Failure, Equatable {
  /// `closed`: the connection was lost. `refused`: wrong password or database. `overloaded`: too many calls
  /// are waiting.
  package enum Reason: String, Sendable {
    case unreachable, timeout, closed, refused, overloaded
  }
  package var reason: Reason
  package var message: String

  package init(_ reason: Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }
  package var kind: FailureKind { .retriable }
  package var description: String { "redis \(reason.rawValue): \(message)" }

  /// The value of a metric's label for an error that a call threw.
  package static func label(of error: any Error) -> String {
    ((error as? RedisFailure)?.reason ?? .unreachable).rawValue
  }
}
