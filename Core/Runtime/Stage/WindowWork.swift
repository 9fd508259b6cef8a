import Foundation
import KafkaClient
import Records

/// The work of a pool that keeps a fixed number of records in flight.
package protocol WindowWork: Sendable {
  /// Called after an assignment, before its first record: reads back what is answered already.
  func assigned(_ partitions: [TopicPartition]) async throws
  /// Works on one record until its outputs are acknowledged. It is finished when this returns, and comes again
  /// after a back-off when it throws.
  ///
  /// - Throws: `LeftToNextOwner` to have nothing more to do with a record that came by a partition which has moved.
  func work(on record: ConsumerRecord, in flight: InFlight) async throws
  /// Writes the terminal state and a dead letter of a record when what was made of it is refused for good, being too large
  /// for its topic, say.
  func refused(_ record: ConsumerRecord, _ fault: RecordError) async throws
}
