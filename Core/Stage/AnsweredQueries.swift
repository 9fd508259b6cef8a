import KafkaClient
import Records
import Synchronization

/// Which queries have a terminal state, from `rag.answers` itself: read back at an assignment from now less the
/// longest deadline, and kept up by what this process writes. An id in it gets no second state and asks no LLM.
///
/// What another process writes meanwhile is looked for where two may differ: before a state that another owner may not
/// come to (`expired`, `refused`, an answer of some shards), and before any state of work that is older than the last
/// move of partitions.
package final class AnsweredQueries: Sendable {
  private let context: StageContext
  /// Bytes of a record's key to the time after which no record of that query can come.
  private let answered = Mutex<[[UInt8]: Int64]>([:])
  private let tail: AnswersTail
  private let moves = Mutex(0)

  package init(_ context: StageContext) {
    self.context = context
    tail = AnswersTail(context)
  }

  /// How often partitions have moved; what was begun at another count may be another's by now.
  package var moveCount: Int { moves.withLock { $0 } }
  package func moved() { moves.withLock { $0 += 1 } }

  /// The same as `contains`, with all that is in the partition at this moment.
  package func isAnswered(_ key: QueryKey, partition: Int32) async throws -> Bool {
    if contains(key) { return true }
    let keys = try await tail.news(of: partition)
    let now = WallClock.milliseconds
    answered.withLock { answered in
      for key in keys { answered[key] = now + QueryRecord.deadlineMaxMilliseconds }
    }
    return contains(key)
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
      if answered.count % 4096 == 0 { answered = answered.filter { $0.value > now } }
    }
  }

  /// Reads the partitions of `rag.answers` with the same numbers, to their ends.
  package func readBack(_ partitions: [TopicPartition]) async throws {
    moved()
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
      await tail.follow(
        Dictionary(ends.map { ($0.key.partition, $0.value) }, uniquingKeysWith: { max($0, $1) }))
    } catch {
      await reader.close()
      throw error
    }
    await reader.close()
  }
}

/// Follows partitions of `rag.answers` from where they were read back, and reads on when somebody asks: what has come lies
/// in the client already, so that a question costs one request for the ends.
private actor AnswersTail {
  private let context: StageContext
  private var reader: ReplayReader?
  /// What is read next.
  private var positions: [Int32: Int64] = [:]
  private var isReading = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(_ context: StageContext) { self.context = context }

  /// Partitions that were read up to these offsets.
  func follow(_ offsets: [Int32: Int64]) async {
    await turn()
    defer { release() }
    positions.merge(offsets) { max($0, $1) }
    await forgetReader()
  }

  /// The keys of answers that came since the last question; those of the longest deadline where a partition is new.
  func news(of number: Int32) async throws -> [[UInt8]] {
    await turn()
    defer { release() }
    let topic = context.topic(.answers)
    if positions[number] == nil { await forgetReader() }
    let keys = Mutex<[[UInt8]]>([])
    do {
      let reader: ReplayReader
      if let open = self.reader { reader = open } else { reader = try await opened(number, topic) }
      self.reader = reader
      try await reader.readToEnd(limit: .seconds(30)) { records in
        keys.withLock { keys in keys += records.compactMap(\.key) }
      }
      for (partition, offset) in try await reader.currentPositions() {
        positions[partition.partition] = offset
      }
    } catch {
      await forgetReader()
      throw error
    }
    return keys.withLock { $0 }
  }

  private func opened(_ number: Int32, _ topic: String) async throws -> ReplayReader {
    let new = ReplayReader(context.kafka)
    var starts: [TopicPartition: ReplayReader.Start] = [:]
    for (partition, offset) in positions { starts[TopicPartition(topic, partition)] = .offset(offset) }
    if positions[number] == nil {
      starts[TopicPartition(topic, number)] = .time(
        milliseconds: WallClock.milliseconds - QueryRecord.deadlineMaxMilliseconds)
    }
    do {
      try await new.assign(starts)
    } catch {
      await new.close()
      throw error
    }
    return new
  }

  private func forgetReader() async {
    let old = reader
    reader = nil
    await old?.close()
  }

  /// One at a time: an actor lets others in while it waits.
  private func turn() async {
    while isReading { await withCheckedContinuation { waiting.append($0) } }
    isReading = true
  }

  private func release() {
    isReading = false
    let woken = waiting
    waiting = []
    for waiter in woken { waiter.resume() }
  }
}
