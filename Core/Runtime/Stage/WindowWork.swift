import Foundation
import KafkaClient
import Records

/// The work of a pool that keeps a fixed number of records in flight.
package protocol WindowWork: Sendable {
  /// Called after an assignment, before its first record: reads back what is answered already.
  ///
  /// - Throws: A `KafkaFailure` that is not fatal makes the stage join its group again. Any other error stops
  ///   the process.
  func assigned(_ partitions: [TopicPartition]) async throws
  /// Works on one record until its outputs are acknowledged. When this returns, the record is finished.
  ///
  /// - Throws: `LeftToNextOwner` when the partition is no longer owned and its next owner must finish the
  ///   record. A `Failure` of kind `.fatal` stops the process. After any other error the record is tried
  ///   again after a back-off.
  func work(on record: ConsumerRecord, in flight: InFlight) async throws
  /// Writes a record's terminal state and a dead letter when the broker refuses its usual outputs for good,
  /// for example because they are too large for their topic.
  ///
  /// - Throws: Any error: the record is tried again after a back-off.
  func refused(_ record: ConsumerRecord, _ fault: RecordError) async throws
}
