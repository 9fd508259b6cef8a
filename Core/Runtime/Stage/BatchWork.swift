import Foundation
import KafkaClient
import Records

/// The work of a pool that consumes in batches: records in, outputs out.
package protocol BatchWork: Sendable {
  /// Partitions that the group is given but that are not this member's: paused, never committed, left out of
  /// lag.
  func ignores(_ partition: TopicPartition) -> Bool
  /// Called after an assignment, before its first record.
  ///
  /// - Throws: A `KafkaFailure` that is not fatal makes the stage join its group again. Any other error stops
  ///   the process.
  func assigned(_ partitions: [TopicPartition]) async throws
  /// Called when partitions were taken away; no record is in flight then.
  func revoked(_ partitions: [TopicPartition]) async
  /// Does the work of one batch. What it returns is produced and acknowledged before the batch is committed;
  /// a crash in between repeats the batch, so that every effect must be idempotent.
  ///
  /// - Throws: only for reasons that are not a record's fault; the batch is tried again after a back-off,
  ///   unless the error is a `StageFatal`.
  func work(on records: [ConsumerRecord]) async throws -> [OutgoingRecord]
  /// The outputs for a record when the broker refuses its usual outputs for good, for example because they
  /// are too large for their topic: its terminal state and a dead letter, as small as they can be.
  ///
  /// - Throws: Any error: the batch is tried again after a back-off.
  func refused(_ record: ConsumerRecord, _ fault: RecordError) async throws -> [OutgoingRecord]
}

extension BatchWork {
  package func ignores(_ partition: TopicPartition) -> Bool { false }
  /// - Throws: Nothing.
  package func assigned(_ partitions: [TopicPartition]) async throws {}
  package func revoked(_ partitions: [TopicPartition]) async {}
}
