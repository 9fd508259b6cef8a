internal import CRdKafka
import Foundation
import Records

/// What became of one produced record.
struct Delivery {
  var id: UInt
  var result: Result<RecordPosition, KafkaFailure>
  /// The handle failed, not the record.
  var mustRepeat: Bool
}

// librdkafka's handles may be used from any thread; destroy() is called by the one owner that took it out of
// its producer's state.
extension KafkaHandle: @unchecked Sendable {}
