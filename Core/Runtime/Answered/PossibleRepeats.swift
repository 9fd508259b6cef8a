import KafkaClient
import Records
import Stage
import Synchronization

/// Knows which queries may be in the pipeline already, because a former owner of the partition may have worked on them
/// before it crashed. The cache must not answer these: the pipeline may answer them too, and the answers could differ.
///
/// After an assignment, only records that were already in the partition can be redelivered.
package final class PossibleRepeats: Sendable {
  private let context: StageContext
  /// The end offset of each partition at its assignment.
  private let ends = Mutex<[TopicPartition: Int64]>([:])

  package init(_ context: StageContext) { self.context = context }

  /// Remembers the end offsets of the new partitions.
  ///
  /// - Throws: `KafkaFailure` when no client can be made.
  package func assigned(_ partitions: [TopicPartition]) async throws {
    guard !partitions.isEmpty else { return }
    try await withReader(context.kafka) { reader in
      for partition in partitions {
        // If its end is unknown, every record of a partition may be a repeat. A partition without a leader must not
        // hold up the others.
        var end = Int64.max
        do {
          end = try await reader.ends(of: [partition], limit: .milliseconds(500))[partition] ?? .max
        } catch {
          context.logger.warning(
            "End offset could not be read", [(.topic, partition.description), (.error, "\(error)")])
        }
        let known = end
        ends.withLock { $0[partition] = known }
      }
    }
  }

  package func contains(_ record: RecordInWork) -> Bool {
    record.attempt > 0
      || ends.withLock { record.record.position.offset < $0[record.record.topicPartition] ?? 0 }
  }
}
