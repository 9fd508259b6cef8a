import Foundation
import KafkaClient
import Records
import Services
import Synchronization
import Time

/// Keeps polling while records are in flight, and commits the finished prefix.
///
/// What is polled beyond the window waits in a backlog of the process, and partitions are paused only when
/// that is full: librdkafka throws away at a pause what it has fetched, and fetches it again after the
/// resume, which took 0.7 s a time when every full window was a pause.
///
/// At a revocation work in flight goes on: if its partition comes back, its result counts; if not, its
/// outputs repeat those of the new owner, which are the same by key. Work whose outputs would differ throws
/// `LeftToNextOwner`.
package final class WindowStage: Service {
  package var name: String { "\(context.name)/\(group)" }
  private let context: StageContext
  private let group: String
  private let topic: String
  private let windowRecords: Int
  private let work: any WindowWork
  private let gate: Gate
  private let mayWork: @Sendable () -> Bool
  private let oldest: OldestRecords
  private let isStopping = Mutex(false)
  private let windows = Mutex<[TopicPartition: CommitWindow]>([:])
  private let ownership = Mutex(Ownership())
  private let backlog = Mutex(Backlog())

  /// - Parameters:
  ///   - gate: the group is joined once it is open.
  ///   - mayWork: while false, nothing new is started.
  package init(
    _ context: StageContext, group: String, topic: String, windowRecords: Int, gate: Gate,
    mayWork: @escaping @Sendable () -> Bool, work: any WindowWork
  ) {
    self.context = context
    self.group = group
    self.topic = topic
    self.windowRecords = windowRecords
    self.work = work
    self.gate = gate
    self.mayWork = mayWork
    oldest = OldestRecords(context, group: group, topics: [topic])
    context.health.block("group \(group)")
  }

  package func shutdown() async { isStopping.withLock { $0 = true } }
  private var stopping: Bool { isStopping.withLock { $0 } }

  /// - Throws: A `Failure` of kind `.fatal`, or an error of `WindowWork.assigned` that is no `KafkaFailure`.
  ///   After other failures of Kafka the group is joined again.
  package func run() async throws {
    guard await gate.waitUntilOpen(orStopped: { self.stopping }) else { return }
    while !stopping {
      let consumer = KafkaConsumer(context.kafka, group: group)
      do {
        try await consumer.subscribe(to: [topic])
        // Drain: the group ends when what was started is finished; then that is committed, then the group
        // left.
        try await withTaskExecutorPreference(consumer.executor) {
          try await withThrowingDiscardingTaskGroup { tasks in
            try await self.loopUntilBroken(consumer, &tasks)
          }
        }
        try await commit(consumer, [:])
      } catch {
        await consumer.close()
        context.health.fail("\(group): \(error)")
        context.logger.error("Stage stops", [(.group, group), (.error, "\(error)")])
        throw error
      }
      await consumer.close()
    }
  }

  /// Returns where the broker went away in the middle of an assignment, say, so that the group is joined
  /// again.
  private func loopUntilBroken(
    _ consumer: KafkaConsumer, _ tasks: inout ThrowingDiscardingTaskGroup<any Error>
  )
    async throws
  {
    do {
      try await loop(consumer, &tasks)
    } catch  where stopping && !isFatal(error) {
      context.logger.info("Left to the next owner", [(.group, group), (.error, "\(error)")])
    } catch let error as KafkaFailure where !isFatal(error) {
      context.logger.info("Joins again", [(.group, group), (.error, "\(error)")])
      do { try await Task.sleep(for: .milliseconds(200)) } catch {}  // cancelled: then it is stopping, too
    }
  }

  private var inFlightCount: Int { windows.withLock { $0.values.reduce(0) { $0 + $1.inFlightCount } } }

  private func loop(_ consumer: KafkaConsumer, _ tasks: inout ThrowingDiscardingTaskGroup<any Error>)
    async throws
  {
    ownership.withLock { $0.begin() }
    var committed: [TopicPartition: CommittedOffset] = [:]
    var lagReport = LagReport(context: context, group: group)
    // The next consumer reads on from what is committed, and gets what waits here again.
    defer {
      backlog.withLock { $0 = Backlog() }
      ownership.withLock { $0.isPolling = false }
    }
    while !stopping {
      let waiting = backlog.withLock { $0.level }
      let mine = ownership.withLock(\.partitions)
      if waiting == .full { try await consumer.pause(mine) }
      if waiting == .low { try await consumer.resume(mine) }
      let isBusy = inFlightCount > 0 || !backlog.withLock(\.isEmpty)
      let poll = try await consumer.poll(
        maxRecords: Backlog.countMax / 4, maxWait: .milliseconds(isBusy ? 20 : 200))
      if !poll.revoked.isEmpty {
        ownership.withLock { $0.revoke(poll.revoked) }
        oldest.forget(poll.revoked)
        // Not begun, so the new owner's alone. An assignment always comes after this.
        backlog.withLock { $0.drop(Set(poll.revoked)) }
      }
      if !poll.assigned.isEmpty {
        context.logger.info("Partitions assigned", [(.group, group), (.count, "\(poll.assigned.count)")])
        committed = try await adopt(poll.assigned, consumer)
        lagReport.committed = committed.mapValues(\.nextOffset)
        try await work.assigned(poll.assigned)
        // Last: what failed in between leaves nothing to commit, and no round ends by what is not read back
        // yet.
        ownership.withLock { $0.assign(poll.assigned) }
      }
      context.health.unblock("group \(group)")
      backlog.withLock { $0.append(poll.records) }
      startIdle(&tasks)
      committed = try await commit(consumer, committed)
      lagReport.committed = committed.mapValues(\.nextOffset)
      await lagReport.update(consumer)
    }
  }

  /// Takes over what the former owner finished. A window with work in flight is kept, unless another member
  /// has come further meanwhile: committing for that work would set the group back.
  private func adopt(_ partitions: [TopicPartition], _ consumer: KafkaConsumer) async throws
    -> [TopicPartition: CommittedOffset]
  {
    let committed = try await consumer.committed(partitions)
    windows.withLock { windows in
      windows = windows.filter { $0.value.inFlightCount > 0 }
      for partition in partitions {
        let offset = committed[partition] ?? CommittedOffset(nextOffset: 0)
        if let window = windows[partition], window.nextOffset >= offset.nextOffset { continue }
        windows[partition] = CommitWindow(committed: offset.nextOffset, metadata: offset.metadata)
      }
    }
    return committed
  }

  /// A task for every place in the window that a waiting record can take; each takes the next when it is
  /// done.
  private func startIdle(_ tasks: inout ThrowingDiscardingTaskGroup<any Error>) {
    guard mayWork() else { return }
    let count = min(windowRecords - inFlightCount, backlog.withLock(\.count))
    guard count > 0 else { return }
    for _ in 0..<count {
      // Not on the consumer's thread, which blocks in its poll.
      tasks.addTask(executorPreference: globalConcurrentExecutor) {
        while let record = self.next() { try await self.workUntilDone(record) }
      }
    }
  }

  /// The next record to work on, admitted to its window in the order of its partition; nil when there is
  /// none, the window is full or nothing may be started.
  private func next() -> ConsumerRecord? {
    guard !stopping, mayWork() else { return nil }
    return windows.withLock { windows in
      while windows.values.reduce(0, { $0 + $1.inFlightCount }) < windowRecords,
        !windows.values.contains(where: \.isFull), let record = backlog.withLock({ $0.popFirst() })
      {
        var window =
          windows[record.topicPartition] ?? CommitWindow(committed: record.position.offset, metadata: "")
        let isNew = window.admit(record.position.offset)
        windows[record.topicPartition] = window
        // Also what is worked on since before a rebalance: it is still the oldest.
        if window.isInFlight(record.position.offset) { oldest.take([record]) }
        if isNew { return record }
      }
      return nil
    }
  }

  private func workUntilDone(_ record: ConsumerRecord) async throws {
    var backoff = Backoff(first: .milliseconds(100), max: .seconds(5))
    var refusals = 0
    while true {
      let watch = Stopwatch()
      let since = ownership.withLock(\.generation)
      do {
        try await work.work(
          on: record,
          in: InFlight(
            finishTogether: { self.finish($0) },
            isOwned: {
              !self.stopping && self.ownership.withLock { $0.isFed(record.topicPartition, since: since) }
            }))
        context.metrics.observe(.processDuration, seconds: watch.seconds, [("stage", context.name)])
        context.metrics.increment(.consumedMessages, [("messaging.destination.name", record.position.topic)])
        return finish([record.position])
      } catch is LeftToNextOwner {
        if stopping || leave(record.position) { return }
      } catch {
        if isFatal(error) { throw error }
        if stopping { return }  // not finished, so not committed: the next owner repeats it
        var spread = 1.0
        if let failure = error as? KafkaFailure, failure.isRefusedRecord {
          // A broker refuses the whole batch in which a record travels, innocent neighbours too: those pass
          // once the guilty one has been given up.
          refusals += 1
          if refusals > 3, await giveUp(record, failure) { return finish([record.position]) }
          spread = Double.random(in: 0.5...1.5)
        }
        context.logger.warning(
          "Record failed, trying again",
          [(.topic, record.position.description), (.error, "\(error)")])
        do { try await Task.sleep(for: backoff.next() * spread) } catch { return }  // cancelled: as above
      }
    }
  }

  /// - Returns: false when the partition is back and the record, polled again, was taken for one in flight:
  ///   it is. Not when another owner has finished it meanwhile.
  private func leave(_ position: RecordPosition) -> Bool {
    let partition = TopicPartition(position.topic, position.partition)
    // Held, so that no assignment comes between the look and the leaving.
    let isLeft = ownership.withLock { ownership in
      windows.withLock { windows in
        let isInFlight = windows[partition]?.isInFlight(position.offset) ?? false
        if isInFlight, ownership.isPolling, ownership.partitions.contains(partition) { return false }
        windows[partition]?.leave(position.offset)
        return true
      }
    }
    if isLeft { oldest.finish([position]) }
    return isLeft
  }

  private func finish(_ positions: [RecordPosition]) {
    windows.withLock { windows in
      for position in positions {
        windows[TopicPartition(position.topic, position.partition)]?.finish(position.offset)
      }
    }
    oldest.finish(positions)
  }

  /// - Returns: false when it must be tried again.
  private func giveUp(_ record: ConsumerRecord, _ failure: KafkaFailure) async -> Bool {
    do {
      try await work.refused(record, .refused(failure))
      return true
    } catch {
      context.logger.error(
        "Record has no end", [(.topic, record.position.description), (.error, "\(error)")])
      return false
    }
  }

  @discardableResult
  private func commit(
    _ consumer: KafkaConsumer, _ known: [TopicPartition: CommittedOffset]
  ) async throws -> [TopicPartition: CommittedOffset] {
    // Windows of partitions that another member has now stay behind what that one commits.
    let mine = ownership.withLock(\.partitions)
    let changed = windows.withLock { windows in
      windows.filter { mine.contains($0.key) }.mapValues { window in
        CommittedOffset(nextOffset: window.nextOffset, metadata: window.metadata)
      }
    }.filter { known[$0.key] != $0.value && $0.value.nextOffset > 0 }
    guard !changed.isEmpty else { return known }
    do {
      try await consumer.commit(changed)
      return known.merging(changed) { $1 }
    } catch {
      context.logger.info("Commit put off", [(.group, group), (.error, "\(error)")])
      return known
    }
  }
}

/// Which partitions are this member's.
private struct Ownership {
  /// What is this member's to commit.
  private(set) var partitions: Set<TopicPartition> = []
  /// Rises whenever partitions come or go.
  private(set) var generation = 0
  /// Whether what the partitions bring is taken from them: not while the consumer ends.
  var isPolling = false

  mutating func begin() {
    partitions = []
    generation += 1
    isPolling = true
  }

  mutating func revoke(_ gone: [TopicPartition]) {
    partitions.subtract(gone)
    generation += 1
  }

  mutating func assign(_ new: [TopicPartition]) {
    partitions = Set(new)
    generation += 1
  }

  /// Whether the partition has been this member's without a break.
  func isFed(_ partition: TopicPartition, since generation: Int) -> Bool {
    isPolling && generation == self.generation && partitions.contains(partition)
  }
}

/// Records that were fetched and not begun, in the order of the poll.
private struct Backlog {
  enum Level { case low, middle, full }

  static let countMax = 2048
  private static let bytesMax = 32 << 20

  private var records: [ConsumerRecord] = []
  private var first = 0
  private var byteCount = 0

  var count: Int { records.count - first }
  var isEmpty: Bool { count == 0 }

  var level: Level {
    if count >= Self.countMax || byteCount >= Self.bytesMax { return .full }
    return count <= Self.countMax / 4 && byteCount <= Self.bytesMax / 4 ? .low : .middle
  }

  mutating func append(_ new: [ConsumerRecord]) {
    records += new
    for record in new { byteCount += record.value?.count ?? 0 }
  }

  /// Complexity: amortised O(1).
  mutating func popFirst() -> ConsumerRecord? {
    guard first < records.count else { return nil }
    let record = records[first]
    first += 1
    byteCount -= record.value?.count ?? 0
    if first == records.count || first >= Self.countMax {
      records.removeFirst(first)
      first = 0
    }
    return record
  }

  mutating func drop(_ partitions: Set<TopicPartition>) {
    let kept = records[first...].filter { !partitions.contains($0.topicPartition) }
    (records, first, byteCount) = ([], 0, 0)
    append(kept)
  }
}
