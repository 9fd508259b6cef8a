import Foundation

/// The answer to a JoinGroup request.
struct JoinResult {
  var error: ErrorCode
  var generation: Int32 = -1
  var protocolName = ""
  var leader = ""
  var memberID = ""
  /// Empty for followers: only the leader assigns.
  var members: [(id: String, metadata: [UInt8])] = []
}
