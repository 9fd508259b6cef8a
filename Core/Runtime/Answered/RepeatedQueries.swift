import KafkaClient
import Records
import Stage
import Synchronization

/// Tells which queries of a new assignment have a state already: a crash between an answer from the cache and its
/// commit repeats the query, and by then the cache may have forgotten the answer.
///
/// Only records that lay in their partition before the assignment can be repeats. The answers are read back once, when
/// the first of them comes, from its own time on.
package final class RepeatedQueries: Sendable {
  private struct State {
    /// Ends of the partitions at their assignment.
    var ends: [TopicPartition: Int64] = [:]
    var isReadBack: Set<TopicPartition> = []
    /// One past the highest offset that this process has begun to work on: a batch that failed comes again.
    var begun: [TopicPartition: Int64] = [:]
  }

  private let context: StageContext
  private let answered: AnsweredQueries
  private let state = Mutex(State())

  package init(_ context: StageContext) {
    self.context = context
    answered = AnsweredQueries(context)
  }

  package func assigned(_ partitions: [TopicPartition]) async throws {
    let reader = ReplayReader(context.kafka)
    do {
      try await reader.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, .end) }))
      let ends = try await reader.currentPositions()
      state.withLock { state in
        for partition in partitions {
          state.ends[partition] = ends[partition] ?? 0
          state.isReadBack.remove(partition)
          state.begun[partition] = 0
        }
      }
    } catch {
      await reader.close()
      throw error
    }
    await reader.close()
  }

  /// A query that may be on its way, or answered, already: the cache must not give it a second, other state.
  package func mayBeRepeat(_ record: ConsumerRecord) -> Bool {
    let partition = record.topicPartition
    return state.withLock { record.position.offset < max($0.ends[partition] ?? 0, $0.begun[partition] ?? 0) }
  }

  /// From now on these records are repeats when they come again.
  package func begin(_ records: [ConsumerRecord]) {
    state.withLock { state in
      for record in records {
        state.begun[record.topicPartition] = max(state.begun[record.topicPartition] ?? 0, record.nextOffset)
      }
    }
  }

  /// Answered by this process.
  package func insert(_ keys: [QueryKey]) { for key in keys { answered.insert(key) } }

  /// Reads back what must be known before these records are worked on.
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
