import KafkaClient
import Records

/// The work of a stage: records in, a disposition for each out. It produces nothing by itself.
///
/// A record may be worked on twice, by this process and by another: after a crash, and while a partition moves. So its
/// outputs must have the same keys each time.
package protocol StageWork: Sendable {
  /// Partitions that the group is given but that are not this member's: paused, never committed, left out of lag.
  func ignores(_ partition: TopicPartition) -> Bool
  /// Called after an assignment, before its first record.
  ///
  /// - Parameter partitions: with their commits, whose notes `StageNote` reads; nil where there is no commit at all.
  /// - Returns: the offsets at which partitions begin that must not begin at their commit.
  /// - Throws: A `KafkaFailure` that is not fatal makes the stage join its group again. Any other error stops
  ///   the process.
  func assigned(_ partitions: [TopicPartition: CommittedOffset?]) async throws -> [TopicPartition: Int64]
  /// Called when partitions were taken away. Records of theirs may still be in work.
  func revoked(_ partitions: [TopicPartition]) async
  /// True while no record of the partition may be begun.
  func isHeld(_ partition: TopicPartition) -> Bool
  /// What the partition's commits carry for the next owner.
  func note(for partition: TopicPartition) -> Int64?
  /// Does the work on these records.
  ///
  /// - Parameter limit: no further record is begun after it: the others are `.notBegun`.
  /// - Returns: a disposition for each record, in their order.
  /// - Throws: Only for reasons that are no record's fault, and `CancellationError`. The records are worked on again
  ///   after a pause, unless the error is fatal.
  func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws -> [Disposition]
  /// The phases that give a record its terminal state when it can never succeed: by the work's own decision, because
  /// the broker refuses its outputs for good, or because processes die of it. The runtime adds the dead letter.
  ///
  /// - Throws: Any error: tried again after a pause.
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
