import KafkaClient
import Records
import Stage
import Synchronization

/// Knows which redelivered queries already have a terminal state. After a crash between an answer from the
/// cache and its commit, the query is redelivered, and by then the cache may no longer hold the answer.
///
/// After an assignment, only records that were in the partition before it can be redelivered ones. The
/// answers are read back once for each partition, when the first such record arrives, starting at its time.
package final class RepeatedQueries: Sendable {
  private struct State {
    /// The end offset of each partition at its assignment.
    var ends: [TopicPartition: Int64] = [:]
    var isReadBack: Set<TopicPartition> = []
    /// One past the highest offset that this process has begun to work on, because a failed batch is tried
    /// again.
    var begun: [TopicPartition: Int64] = [:]
  }

  private let context: StageContext
  private let answered: AnsweredQueries
  private let state = Mutex(State())

  package init(_ context: StageContext) {
    self.context = context
    answered = AnsweredQueries(context)
  }

  /// Remembers the end offsets of the new partitions.
  ///
  /// - Throws: `KafkaFailure`.
  package func assigned(_ partitions: [TopicPartition]) async throws {
    try await withReader(context.kafka) { reader in
      try await reader.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, .end) }))
      let ends = try await reader.currentPositions()
      state.withLock { state in
        for partition in partitions {
          state.ends[partition] = ends[partition] ?? 0
          state.isReadBack.remove(partition)
          state.begun[partition] = 0
        }
      }
    }
  }

  /// True if the query may already be in the pipeline or answered. The cache must not answer it then, because
  /// its other terminal state could differ.
  package func mayBeRepeat(_ record: ConsumerRecord) -> Bool {
    let partition = record.topicPartition
    return state.withLock { record.position.offset < max($0.ends[partition] ?? 0, $0.begun[partition] ?? 0) }
  }

  /// Marks these records as begun, so that they count as repeats when they are tried again.
  package func begin(_ records: [ConsumerRecord]) {
    state.withLock { state in
      for record in records {
        state.begun[record.topicPartition] = max(state.begun[record.topicPartition] ?? 0, record.nextOffset)
      }
    }
  }

  /// Adds queries that this process has answered.
  package func insert(_ keys: [QueryKey]) { for key in keys { answered.insert(key) } }

  /// Reads back the answers that must be known before these records are worked on.
  ///
  /// - Throws: `KafkaFailure`, also when the ends are not reached within 60 s; `CancellationError`.
  package func prepare(_ records: [ConsumerRecord]) async throws {
    let first = records.filter { record in
      record.position.offset < endAtAssignment(record)
        && !state.withLock { $0.isReadBack.contains(record.topicPartition) }
    }
    guard let since = first.map(\.timestampMilliseconds).min() else { return }
    let all = Array(0..<context.settings.partitionCount(.answers))
    try await answered.readBack(all, since: since)
    state.withLock { state in for record in first { state.isReadBack.insert(record.topicPartition) } }
  }

  private func endAtAssignment(_ record: ConsumerRecord) -> Int64 {
    state.withLock { $0.ends[record.topicPartition] ?? 0 }
  }

  package func isAnswered(_ key: QueryKey, _ record: ConsumerRecord) -> Bool {
    mayBeRepeat(record) && answered.contains(key)
  }
}
