internal import CRdKafka
import Foundation
import Records

/// The delivery report of one produced record.
struct Delivery {
  var id: UInt
  var result: Result<Acknowledgement, KafkaFailure>
  /// True when the handle failed and not the record: the record must be sent again.
  var mustRepeat: Bool
}

// librdkafka's calls are thread-safe. A consumer's handle is used by its actor. A producer's handle is
// destroyed only by the thread or task that took it out of the producer's state.
extension KafkaHandle: @unchecked Sendable {}
