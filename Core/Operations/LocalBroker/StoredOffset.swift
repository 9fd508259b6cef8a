import Dispatch
import Foundation

/// A group's committed offset.
struct StoredOffset: Sendable {
  var topic: String
  var partition: Int32
  var nextOffset: Int64
  var leaderEpoch: Int32
  var metadata: String
}
