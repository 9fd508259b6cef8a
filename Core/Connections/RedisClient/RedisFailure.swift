/// Why a call has no reply. Callers go on without Redis: none of these is anybody's fault but Redis's.
package struct RedisFailure: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Reason: String, Sendable {
    case unreachable, timeout, closed, refused, overloaded
  }
  package var reason: Reason
  package var message: String

  package init(_ reason: Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }
  package var description: String { "redis \(reason.rawValue): \(message)" }

  /// The label of a metric for what a call threw.
  package static func label(of error: any Error) -> String {
    ((error as? RedisFailure)?.reason ?? .unreachable).rawValue
  }
}
