import KafkaClient
import Records
import Stage
import Synchronization

/// Knows which queries may be in the pipeline already, because a former owner of the partition may have worked on them
/// before it crashed. The cache must not answer these: their other answer could differ.
///
/// After an assignment, only records that were in the partition before it can be redelivered ones.
package final class PossibleRepeats: Sendable {
  private let context: StageContext
  /// The end offset of each partition at its assignment.
  private let ends = Mutex<[TopicPartition: Int64]>([:])

  package init(_ context: StageContext) { self.context = context }

  /// Remembers the end offsets of the new partitions.
  ///
  /// - Throws: `KafkaFailure`.
  package func assigned(_ partitions: [TopicPartition]) async throws {
    guard !partitions.isEmpty else { return }
    try await withReader(context.kafka) { reader in
      try await reader.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, .end) }))
      let new = try await reader.currentPositions()
      ends.withLock { ends in for partition in partitions { ends[partition] = new[partition] ?? 0 } }
    }
  }

  package func contains(_ record: RecordInWork) -> Bool {
    record.attempt > 0
      || ends.withLock { record.record.position.offset < $0[record.record.topicPartition] ?? 0 }
  }
}
