import Dispatch
import Foundation

/// The outcome of one batch of an append.
enum AppendResult: Sendable {
  /// `timestamp` is -1 when the topic keeps the client's timestamps.
  case appended(base: Int64, timestamp: Int64, bytes: [UInt8], last: Int64)
  case duplicate(base: Int64)
  case refused(ErrorCode)
}
