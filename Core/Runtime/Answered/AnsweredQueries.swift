import KafkaClient
import Records
import Stage
import Synchronization
import Time

/// Knows which queries have a terminal state, so that they get no second one and no LLM is asked for them.
///
/// At an assignment it reads back `rag.answers`, from the longest deadline before now. After that, this
/// process adds its own answers, and an `AnswersFollower` adds those of other processes.
package final class AnsweredQueries: Sendable {
  private let context: StageContext
  /// For the key of each answer, the time after which no record of its query can arrive: milliseconds since
  /// 1970.
  private let answered = Mutex<[[UInt8]: Int64]>([:])
  /// The positions from which the follower must read; nil once it has taken them.
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

  /// True while the query's terminal state is remembered. After that its id may be used again.
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

  /// Reads the partitions of `rag.answers` that have the same numbers, to their ends.
  ///
  /// - Throws: `KafkaFailure`, also when the ends are not reached within 60 s; `CancellationError`.
  package func readBack(_ partitions: [TopicPartition]) async throws {
    try await readBack(
      partitions.map(\.partition), since: WallClock.milliseconds - QueryRecord.deadlineMaxMilliseconds
    ) { record in
      // A time in the future, from a wrong clock or record, counts as now.
      min(record.timestampMilliseconds, WallClock.milliseconds) + QueryRecord.deadlineMaxMilliseconds
    }
  }

  /// Reads back for a worker that is behind. Its queries may be older than the longest deadline, so each
  /// answer is remembered as if it were from now.
  ///
  /// - Parameter since: milliseconds since 1970, by the broker's clock.
  /// - Throws: `KafkaFailure`, also when the ends are not reached within 60 s; `CancellationError`.
  package func readBack(_ partitions: [Int32], since: Int64) async throws {
    let until = WallClock.milliseconds + QueryRecord.deadlineMaxMilliseconds
    try await readBack(partitions, since: since) { _ in until }
  }

  private func readBack(
    _ partitions: [Int32], since: Int64, until: @escaping @Sendable (ConsumerRecord) -> Int64
  ) async throws {
    let topic = context.topic(.answers)
    try await withReader(context.kafka) { reader in
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
    }
  }
}
