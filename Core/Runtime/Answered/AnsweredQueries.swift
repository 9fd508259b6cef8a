import KafkaClient
import Records
import Stage
import Synchronization
import Time

/// Which queries have a terminal state, from `rag.answers` itself: read back at an assignment from now less the
/// longest deadline, and kept up by what this process writes. An id in it gets no second state and asks no LLM.
/// What other processes write meanwhile comes by an `AnswersFollower`.
package final class AnsweredQueries: Sendable {
  private let context: StageContext
  /// Bytes of a record's key to the time after which no record of that query can come.
  private let answered = Mutex<[[UInt8]: Int64]>([:])
  /// Where to follow from, until the follower takes it.
  private let starts = Mutex<[TopicPartition: ReplayReader.Start]?>(nil)

  package init(_ context: StageContext) { self.context = context }

  func follow(_ new: [TopicPartition: ReplayReader.Start]) {
    starts.withLock { $0 = $0 ?? new }
  }

  func takeStarts() -> [TopicPartition: ReplayReader.Start]? {
    starts.withLock { starts in
      defer { starts = nil }
      return starts
    }
  }

  func note(_ records: [ConsumerRecord]) {
    guard !records.isEmpty else { return }
    let until = WallClock.milliseconds + QueryRecord.deadlineMaxMilliseconds
    answered.withLock { answered in
      for record in records { if let key = record.key { answered[key] = until } }
      prune(&answered)
    }
  }

  private func prune(_ answered: inout [[UInt8]: Int64]) {
    guard answered.count % 4096 == 0 else { return }
    let now = WallClock.milliseconds
    answered = answered.filter { $0.value > now }
  }

  /// Whether the query has a state that is remembered still: its id may be used again after that.
  package func contains(_ key: QueryKey) -> Bool {
    let now = WallClock.milliseconds
    return answered.withLock { ($0[key.bytes] ?? 0) > now }
  }

  package func insert(_ key: QueryKey) {
    let now = WallClock.milliseconds
    answered.withLock { answered in
      answered[key.bytes] = now + QueryRecord.deadlineMaxMilliseconds
      prune(&answered)
    }
  }

  /// Reads the partitions of `rag.answers` with the same numbers, to their ends.
  package func readBack(_ partitions: [TopicPartition]) async throws {
    try await readBack(
      partitions.map(\.partition), since: WallClock.milliseconds - QueryRecord.deadlineMaxMilliseconds
    ) { record in
      // A clock that is ahead, or a record that lies, counts as an answer of this moment.
      min(record.timestampMilliseconds, WallClock.milliseconds) + QueryRecord.deadlineMaxMilliseconds
    }
  }

  /// Reads back for one that is behind: its queries may be older than the longest deadline, so that what is read
  /// is remembered from now on.
  ///
  /// - Parameter since: milliseconds since 1970, the broker's clock.
  package func readBack(_ partitions: [Int32], since: Int64) async throws {
    let until = WallClock.milliseconds + QueryRecord.deadlineMaxMilliseconds
    try await readBack(partitions, since: since) { _ in until }
  }

  private func readBack(
    _ partitions: [Int32], since: Int64, until: @escaping @Sendable (ConsumerRecord) -> Int64
  ) async throws {
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
            answered[key] = max(answered[key] ?? 0, until(record))
          }
        }
      }
      let now = WallClock.milliseconds
      answered.withLock { answered in answered = answered.filter { $0.value > now } }
      let ends = try await reader.currentPositions()
      starts.withLock { $0 = ends.mapValues { .offset($0) } }
    } catch {
      await reader.close()
      throw error
    }
    await reader.close()
  }
}
