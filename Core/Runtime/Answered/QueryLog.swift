import KafkaClient
import Records
import Services
import Stage
import Synchronization
import Time

/// Knows which queries have an answer, and which rounds are finished, from the topics that record this.
///
/// The log follows partitions of these topics, beginning a window of time before the present. A question may concern
/// older records: a shard that is up again after an hour brings candidates of an hour ago. So each question names the
/// time since when all records must be known, and records that are not known yet are read back first.
package final class QueryLog: Service {
  /// How much older than its query an answer may be: the same query may be sent again within this time of its answer,
  /// and clocks may differ by as much.
  package static let margin = Duration.seconds(60)

  package let name = "query log"

  private struct Partition {
    /// For each mark the time of its newest record, in milliseconds since 1970.
    var marks: [QueryMark: Int64] = [:]
    /// All records from this time on are known; `.max` until the partition has been read.
    var knownFrom = Int64.max
    /// The oldest `since` of a question after the last pruning.
    var askedFrom = Int64.max
  }

  private struct State {
    var partitions: [Int32: Partition] = [:]
    /// The followed partitions, each with a number. A partition that is followed again gets a new number, because its
    /// marks were dropped while it was not followed.
    var followed: [Int32: Int] = [:]
    var revision = 0
  }

  private let context: StageContext
  private let sources: [MarkSource]
  private let window: Duration
  private let state = Mutex(State())
  private let turns = Turns<Int32>()
  private let isStopping = Mutex(false)

  /// - Parameter window: how far back followed partitions are read at first, and how long marks are kept.
  package init(_ context: StageContext, sources: [MarkSource], window: Duration) {
    self.context = context
    self.sources = sources
    self.window = window
  }

  /// Follows these partitions of each topic, and no others.
  package func follow(_ partitions: [Int32]) {
    state.withLock { state in
      guard Set(state.followed.keys) != Set(partitions) else { return }
      state.revision += 1
      let former = state.followed
      state.followed = [:]
      for partition in partitions { state.followed[partition] = former[partition] ?? state.revision }
      state.partitions = state.partitions.filter { former[$0.key] != nil && state.followed[$0.key] != nil }
    }
  }

  /// Adds the mark of a record that this process has written and the broker has acknowledged.
  package func insert(_ mark: QueryMark, ofKey key: [UInt8]) {
    let partition = partition(of: key)
    let now = WallClock.milliseconds
    state.withLock { state in
      guard state.followed[partition] != nil else { return }
      state.partitions[partition, default: Partition()].marks[mark] = now
    }
  }

  /// Whether one of the marks has a record since this time, in milliseconds since 1970 by the broker's clock.
  ///
  /// - Throws: `KafkaFailure` when records that are not known yet can't be read; `CancellationError`.
  package func contains(_ marks: [QueryMark], ofKey key: [UInt8], since: Int64) async throws -> Bool {
    let partition = partition(of: key)
    while true {
      // If the partition was dropped and followed again meanwhile, the marks that were read are lost: read again.
      let serial = state.withLock { $0.followed[partition] }
      try await know(partition, since: since)
      let found: Bool? = state.withLock { state in
        guard state.followed[partition] == serial else { return nil }
        guard let known = state.partitions[partition]?.marks else { return false }
        return marks.contains { (known[$0] ?? .min) >= since }
      }
      if let found { return found }
    }
  }

  private func partition(of key: [UInt8]) -> Int32 {
    Partitioner.partition(ofKey: key, partitionCount: context.settings.partitionCount(.answers))
  }

  private func isKnown(_ partition: Int32, since: Int64) -> Bool {
    state.withLock { state in
      // New records of a partition that is not followed are never seen, so nothing counts as known.
      guard state.followed[partition] != nil, let known = state.partitions[partition] else { return false }
      state.partitions[partition]?.askedFrom = min(known.askedFrom, since)
      return known.knownFrom <= since
    }
  }

  private func know(_ partition: Int32, since: Int64) async throws {
    if isKnown(partition, since: since) { return }
    // One caller reads back for all that wait.
    try await turns.take(partition)
    defer { turns.release(partition) }
    if isKnown(partition, since: since) { return }
    let isFollowed = state.withLock { $0.followed[partition] != nil }
    // The follower is about to read the window; only older records are read back here.
    if isFollowed, since >= WallClock.milliseconds - window.milliseconds {
      while state.withLock({ $0.partitions[partition]?.knownFrom ?? .max }) > since {
        guard state.withLock({ $0.followed[partition] != nil }) else { break }
        try await Task.sleep(for: .milliseconds(5))
      }
      if isKnown(partition, since: since) { return }
    }
    context.logger.info(
      "Reading older answers and finished rounds from the topics",
      [(.partition, "\(partition)"), (.durationMilliseconds, "\(WallClock.milliseconds - since)")])
    // A little further back, so that a question about a slightly older query needs no second read.
    let from = since - Self.margin.milliseconds
    let starts = sources.map {
      (TopicPartition(context.topic($0.topic), partition), ReplayReader.Start.time(milliseconds: from))
    }
    try await withReader(context.kafka) { reader in
      try await reader.assign(Dictionary(uniqueKeysWithValues: starts))
      try await reader.readToEnd(limit: .seconds(3600)) { self.apply($0) }
    }
    state.withLock { state in
      guard let known = state.partitions[partition]?.knownFrom, known < .max else { return }
      state.partitions[partition]?.knownFrom = min(known, from)
      state.partitions[partition]?.askedFrom = from
    }
  }

  private func apply(_ records: [ConsumerRecord]) {
    guard !records.isEmpty else { return }
    var marks: [(partition: Int32, mark: QueryMark, time: Int64)] = []
    for record in records {
      for source in sources where context.topic(source.topic) == record.position.topic {
        guard let mark = source.marks(record) else { continue }
        marks.append((record.position.partition, mark, record.timestampMilliseconds))
      }
    }
    state.withLock { state in
      for (partition, mark, time) in marks {
        let known = state.partitions[partition, default: Partition()].marks[mark] ?? .min
        state.partitions[partition, default: Partition()].marks[mark] = max(known, time)
      }
    }
  }

  package func shutdown() async { isStopping.withLock { $0 = true } }

  /// - Throws: Only `CancellationError`: after a Kafka failure, the call is repeated.
  package func run() async throws {
    // This process inserts its own marks at once. Those of other processes are needed only after a rebalance.
    var kafka = context.kafka
    kafka.readsPatiently = true
    try await withReader(kafka) { reader in try await follow(reader) }
  }

  private func follow(_ reader: ReplayReader) async throws {
    var revision = 0
    var positions: [TopicPartition: Int64] = [:]
    /// The end offsets that must be reached before a partition is known and, in `from`, the time since when it is known
    /// then.
    var ends: [TopicPartition: Int64] = [:]
    var from: [Int32: (serial: Int, time: Int64)] = [:]
    /// For each partition, its number in `State.followed` when it was read up to `ends`.
    var known: [Int32: Int] = [:]
    var nextPruning = ContinuousClock.now + .seconds(60)
    var nextAttempt = ContinuousClock.now + .seconds(86_400)
    while !isStopping.withLock({ $0 }) {
      do {
        let (wanted, now) = state.withLock { ($0.followed, $0.revision) }
        if now != revision || ContinuousClock.now >= nextAttempt {
          let start = WallClock.milliseconds - window.milliseconds
          // The variables above are replaced only after all calls have succeeded.
          var new = from.filter { wanted[$0.key] == $0.value.serial }
          var starts: [TopicPartition: ReplayReader.Start] = [:]
          var open: [TopicPartition: Int64] = ends.filter { new[$0.key.partition] != nil }
          var isComplete = true
          for (partition, serial) in wanted {
            let names = sources.map { TopicPartition(context.topic($0.topic), partition) }
            if new[partition] != nil {
              for name in names {
                starts[name] = positions[name].map { .offset($0) } ?? .time(milliseconds: start)
              }
              continue
            }
            do {
              // One by one, so that a partition without a leader stays unknown alone.
              for (name, end) in try await reader.ends(of: names, limit: .milliseconds(500)) {
                open[name] = end
              }
              for (name, offset) in try await reader.offsets(of: names, at: start, limit: .milliseconds(500))
              {
                starts[name] = .offset(offset)
              }
              new[partition] = (serial, start)
            } catch {
              for name in names { (open[name], starts[name]) = (nil, nil) }
              isComplete = false
            }
          }
          try await reader.assign(starts)
          (from, ends, revision) = (new, open, now)
          nextAttempt = isComplete ? .now + .seconds(86_400) : .now + .seconds(2)
        }
        guard !wanted.isEmpty else {
          try await Task.sleep(for: .milliseconds(20))
          continue
        }
        apply(try await reader.next(maxRecords: 1000, maxWait: .milliseconds(ends.isEmpty ? 500 : 50)))
        positions = try await reader.currentPositions()
        ends = ends.filter { positions[$0.key] ?? 0 < $0.value }
        let unread = Set(ends.keys.map(\.partition))
        if from.contains(where: { known[$0.key] != $0.value.serial && !unread.contains($0.key) }) {
          for (partition, begin) in from where !unread.contains(partition) { known[partition] = begin.serial }
          state.withLock { state in
            for (partition, begin) in from
            where !unread.contains(partition) && state.followed[partition] == begin.serial {
              let known = state.partitions[partition]?.knownFrom ?? .max
              if known == .max { state.partitions[partition, default: Partition()].knownFrom = begin.time }
            }
          }
        }
        if ContinuousClock.now >= nextPruning {
          nextPruning = .now + .seconds(60)
          prune()
        }
      } catch is KafkaFailure {
        // While the broker is unreachable, other processes can't write either.
        try await Task.sleep(for: .milliseconds(200))
      }
    }
  }

  /// Forgets marks that are older than the window and older than every question since the last pruning.
  private func prune() {
    let horizon = WallClock.milliseconds - window.milliseconds
    state.withLock { state in
      for (partition, known) in state.partitions where known.knownFrom < .max {
        let keepFrom = min(horizon, known.askedFrom)
        state.partitions[partition]?.askedFrom = .max
        guard known.knownFrom < keepFrom else { continue }
        state.partitions[partition]?.marks = known.marks.filter { $0.value >= keepFrom }
        state.partitions[partition]?.knownFrom = keepFrom
      }
    }
  }
}
