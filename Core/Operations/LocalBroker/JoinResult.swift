import Foundation

struct JoinResult {
  var error: ErrorCode
  var generation: Int32 = -1
  var protocolName = ""
  var leader = ""
  var memberID = ""
  /// For the leader alone.
  var members: [(id: String, metadata: [UInt8])] = []
}
