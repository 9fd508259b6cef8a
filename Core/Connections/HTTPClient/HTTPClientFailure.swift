import Foundation

/// Why an exchange did not come to its end. All of them are retriable but `invalid`.
package struct HTTPClientFailure: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Reason: String, Sendable { case unreachable, timeout, tooLarge, broken, invalid }
  package var reason: Reason
  package var message: String
  package init(_ reason: Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }
  package var description: String { "\(reason.rawValue): \(message)" }
}
