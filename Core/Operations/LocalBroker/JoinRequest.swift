import Foundation

/// What a member says when it joins.
struct JoinRequest {
  var group: String
  var memberID: String
  var clientID: String
  /// As Kafka writes it: `/127.0.0.1`.
  var clientHost: String
  var sessionTimeout: TimeInterval
  var rebalanceTimeout: TimeInterval
  var protocolType: String
  var protocols: [(name: String, metadata: [UInt8])]
  /// From version 4 on a new member gets its id first, and joins with it.
  var mustKnowID: Bool
}
