import KafkaClient
import Records
import Synchronization

/// Which queries have a terminal state, from `rag.answers` itself: read back at an assignment from now less the
/// longest deadline, and kept up by what this process writes. An id in it gets no second state and asks no LLM.
package final class AnsweredQueries: Sendable {
  private let context: StageContext
  /// Key text to the time after which no record of that query can come.
  private let answered = Mutex<[String: Int64]>([:])

  package init(_ context: StageContext) { self.context = context }

  package func contains(_ key: QueryKey) -> Bool { answered.withLock { $0[key.description] != nil } }

  package func insert(_ key: QueryKey) {
    let now = WallClock.milliseconds
    answered.withLock { answered in
      answered[key.description] = now + QueryRecord.deadlineMaxMilliseconds
      if answered.count % 4096 == 0 { answered = answered.filter { $0.value > now } }
    }
  }

  /// Reads the partitions of `rag.answers` with the same numbers, to their ends.
  package func readBack(_ partitions: [TopicPartition]) async throws {
    try await readBack(
      partitions.map(\.partition), since: WallClock.milliseconds - QueryRecord.deadlineMaxMilliseconds)
  }

  /// - Parameter since: milliseconds since 1970, the broker's clock.
  package func readBack(_ partitions: [Int32], since: Int64) async throws {
    let reader = ReplayReader(context.kafka)
    let topic = context.topic(.answers)
    do {
      try await reader.assign(
        Dictionary(
          partitions.map { (TopicPartition(topic, $0), .time(milliseconds: since)) },
          uniquingKeysWith: { $1 }))
      try await reader.readToEnd(limit: .seconds(60)) { records in
        self.answered.withLock { answered in
          for record in records {
            guard let key = record.key else { continue }
            answered[String(decoding: key, as: UTF8.self)] =
              record.timestampMilliseconds + QueryRecord.deadlineMaxMilliseconds
          }
        }
      }
    } catch {
      await reader.close()
      throw error
    }
    await reader.close()
  }
}
