import Foundation

/// What comes back, in order: one head, then the body as it arrives.
package enum HTTPEvent: Sendable, Equatable {
  /// - retryAfter: seconds, from the header of that name.
  case head(status: Int, retryAfter: Double?)
  case body([UInt8])
}
