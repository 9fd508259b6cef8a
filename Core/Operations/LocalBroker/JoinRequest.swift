import Foundation

/// A member's JoinGroup request.
struct JoinRequest {
  var group: String
  var memberID: String
  var clientID: String
  /// In Kafka's form: `/127.0.0.1`.
  var clientHost: String
  var sessionTimeout: TimeInterval
  var rebalanceTimeout: TimeInterval
  var protocolType: String
  var protocols: [(name: String, metadata: [UInt8])]
  /// From version 4 on, a new member first gets its id and then joins with the id.
  var mustKnowID: Bool
}
