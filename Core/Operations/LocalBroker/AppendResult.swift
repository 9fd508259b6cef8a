import Dispatch
import Foundation

enum AppendResult: Sendable {
  case appended(base: Int64, timestamp: Int64, bytes: [UInt8], last: Int64)
  case duplicate(base: Int64)
  case refused(ErrorCode)
}
