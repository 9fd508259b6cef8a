import KafkaClient
import Records

/// The work of a stage: it takes records and returns a disposition for each. It produces nothing by itself.
///
/// A record may be worked on twice, in this process and in another: after a crash, and when a partition moves to
/// another member. So its outputs must have the same keys each time.
package protocol StageWork: Sendable {
  /// Whether the stage must not read the partition although it is assigned: the partition stays paused, is never
  /// committed and is left out of the lag.
  func ignores(_ partition: TopicPartition) -> Bool
  /// Called after an assignment, before its first record.
  ///
  /// - Parameter partitions: the partitions with their commits, whose notes `StageNote` reads; nil without a commit.
  /// - Returns: the first offset to read of each partition that must not begin at its commit.
  /// - Throws: A `KafkaFailure` that is not fatal, or is forbidden, makes the stage join its group again. Any other
  ///   error stops the process.
  func assigned(_ partitions: [TopicPartition: CommittedOffset?]) async throws -> [TopicPartition: Int64]
  /// Called when partitions were revoked. Their records may still be in work.
  func revoked(_ partitions: [TopicPartition]) async
  /// True while no record of the partition may be begun.
  func isHeld(_ partition: TopicPartition) -> Bool
  /// A number that the partition's commits carry for the next owner; nil for none.
  func note(for partition: TopicPartition) -> Int64?
  /// Does the work on these records.
  ///
  /// - Parameter limit: no further record is begun after this time: the remaining ones are `.notBegun`.
  /// - Returns: a disposition for each record, in their order.
  /// - Throws: `CancellationError`, and errors that no record has caused. The records are worked on again after a
  ///   pause, unless the error is fatal.
  func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws -> [Disposition]
  /// The phases that give a record its terminal state when it can never succeed: because the work rejected it, because
  /// the broker refuses its outputs for good, or because it kills processes. The runtime adds the dead letter.
  ///
  /// - Throws: After an error the call is repeated, with a pause, unless the error is fatal.
  func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase]
}

extension StageWork {
  package func ignores(_ partition: TopicPartition) -> Bool { false }
  /// - Throws: Nothing.
  package func assigned(_ partitions: [TopicPartition: CommittedOffset?]) async throws -> [TopicPartition:
    Int64]
  {
    [:]
  }
  package func revoked(_ partitions: [TopicPartition]) async {}
  package func isHeld(_ partition: TopicPartition) -> Bool { false }
  package func note(for partition: TopicPartition) -> Int64? { nil }
}
