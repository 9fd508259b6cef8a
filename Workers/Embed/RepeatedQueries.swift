import KafkaClient
import Records
import Stage
import Synchronization

/// Tells which queries of a new assignment have a state already: a crash between an answer from the cache and its
/// commit repeats the query, and by then the cache may have forgotten the answer.
///
/// Only records that lay in their partition before the assignment can be repeats. The answers are read back once, when
/// the first of them comes, from its own time on.
final class RepeatedQueries: Sendable {
  private struct State {
    /// Ends of the partitions at their assignment.
    var ends: [TopicPartition: Int64] = [:]
    var isReadBack: Set<TopicPartition> = []
  }

  private let context: StageContext
  private let answered: AnsweredQueries
  private let state = Mutex(State())

  init(_ context: StageContext) {
    self.context = context
    answered = AnsweredQueries(context)
  }

  func assigned(_ partitions: [TopicPartition]) async throws {
    let reader = ReplayReader(context.kafka)
    do {
      try await reader.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, .end) }))
      let ends = try await reader.currentPositions()
      state.withLock { state in
        for partition in partitions {
          state.ends[partition] = ends[partition] ?? 0
          state.isReadBack.remove(partition)
        }
      }
    } catch {
      await reader.close()
      throw error
    }
    await reader.close()
  }

  private func mayBeRepeat(_ record: ConsumerRecord) -> Bool {
    state.withLock { record.position.offset < $0.ends[record.topicPartition] ?? 0 }
  }

  /// Reads back what must be known before these records are worked on.
  func prepare(_ records: [ConsumerRecord]) async throws {
    let first = records.filter { record in
      mayBeRepeat(record) && !state.withLock { $0.isReadBack.contains(record.topicPartition) }
    }
    guard let since = first.map(\.timestampMilliseconds).min() else { return }
    let all = Array(0..<context.settings.partitionCount(.answers))
    try await answered.readBack(all, since: since)
    state.withLock { state in for record in first { state.isReadBack.insert(record.topicPartition) } }
  }

  func isAnswered(_ key: QueryKey, _ record: ConsumerRecord) -> Bool {
    mayBeRepeat(record) && answered.contains(key)
  }
}
