import Foundation

/// An event of a response: first one head, then the pieces of the body as they arrive.
package enum HTTPEvent: Sendable, Equatable {
  /// `retryAfter` is in seconds, from the header `Retry-After`.
  case head(status: Int, retryAfter: Double?)
  case body([UInt8])
}
