import Failures
import Foundation
import KafkaClient
import Records
import Services
import Synchronization
import Time

/// Runs a stage: consumes as a member of a group, hands records to the work, produces what it returns, and commits what
/// is finished.
///
/// The consumer keeps polling while records are in work, so a rebalance never waits for work. Work in flight goes on
/// after a revocation: if its partition comes back, its result counts; if not, its outputs only repeat those of the new
/// owner, which have the same keys. Work whose outputs would differ returns `.left`.
package final class StageService: Service {
  package var name: String { "\(context.name)/\(group)" }
  /// No further record of a batch is begun after this time.
  private static let batchTimeMax = Duration.seconds(10)

  private let context: StageContext
  private let group: String
  private let topics: [String]
  private let work: any StageWork
  private let isOrdered: Bool
  private let gate: Gate
  private let mayWork: @Sendable () -> Bool
  private let oldest: OldestRecords
  private let outbox: Outbox
  private let isStopping = Mutex(false)
  private let lanes: Mutex<Lanes>
  private let size: Mutex<BatchSize>
  private let inWork = Mutex<[RecordPosition: RecordInWork]>([:])
  /// The revision of each partition's progress at its last successful commit.
  private let committedRevisions = Mutex<[TopicPartition: Int]>([:])
  /// Yields whenever a record may be begun, or work or the membership has ended.
  private let wake = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
  private enum RunState { case running, disbanded, broken }
  private let state = Mutex(RunState.running)

  /// - Parameters:
  ///   - givesUp: whether a record that was in work alone when two processes died is rejected. False for work whose
  ///     rejection would leave a version without a terminal state.
  ///   - gate: the group is joined only while it is open, and left when it closes.
  ///   - mayWork: while false, nothing new is begun.
  package init(
    _ context: StageContext, group: String, topics: [String], shape: StageShape, givesUp: Bool = true,
    gate: Gate = Gate(isOpen: true),
    mayWork: @escaping @Sendable () -> Bool = { true }, work: any StageWork
  ) {
    self.context = context
    self.group = group
    self.topics = topics
    self.work = work
    isOrdered = shape.isOrdered
    self.gate = gate
    self.mayWork = mayWork
    lanes = Mutex(Lanes(shape, deathsMax: givesUp ? context.settings.deathsMax : .max))
    size = Mutex(BatchSize(max: shape.batchMax, timeMax: Self.batchTimeMax))
    oldest = OldestRecords(context, group: group, topics: topics)
    outbox = Outbox(context, group: group)
    context.health.block("group \(group)")
  }

  package func shutdown() async {
    isStopping.withLock { $0 = true }
    wake.continuation.yield()
  }
  private var stopping: Bool { isStopping.withLock { $0 } }

  /// Cancels the work on a record, if it is in work.
  package func cancel(_ position: RecordPosition) { inWork.withLock { $0[position] }?.cancel() }

  /// - Throws: A `Failure` of kind `.fatal`, or an error of `StageWork.assigned` that is no `KafkaFailure`.
  ///   After other Kafka failures, and those that are forbidden (`isForbidden`), the group is joined again.
  package func run() async throws {
    do {
      try await withThrowingDiscardingTaskGroup { tasks in
        tasks.addTask {
          defer { self.end(.disbanded) }
          try await self.takePart()
        }
        for await _ in wake.stream {
          while let taken = take() {
            // Not on the consumer's thread: it is blocked while it polls.
            tasks.addTask(executorPreference: globalConcurrentExecutor) {
              do { try await self.work(on: taken) } catch {
                self.end(.broken)
                throw error
              }
            }
          }
          switch state.withLock({ $0 }) {
          case .running: continue
          case .disbanded where lanes.withLock({ $0.inFlightCount > 0 }): continue
          case .disbanded, .broken: return
          }
        }
      }
    } catch {
      context.health.fail("\(group): \(error)")
      context.logger.error("Stage failed", [(.group, group), (.error, "\(error)")])
      throw error
    }
  }

  private func end(_ new: RunState) {
    state.withLock { if $0 == .running { $0 = new } }
    wake.continuation.yield()
  }

  /// Joins the group, and joins it again after a Kafka failure, until the stage must stop.
  private func takePart() async throws {
    var blocked: String?
    while !stopping, !Task.isCancelled {
      if let reason = blocked { context.health.unblock(reason) }
      guard await gate.waitUntilOpen(orStopped: { self.stopping }) else { break }
      let consumer = KafkaConsumer(context.kafka, group: group)
      do {
        try await consumer.subscribe(to: topics) { self.handOver($0) }
        try await withTaskExecutorPreference(consumer.executor) { try await self.consume(consumer) }
      } catch  where stopping && !isFatal(error) {
        await leave(consumer)
        context.logger.info(
          "Failed while stopping, unfinished records are left to the next owner",
          [(.group, group), (.error, "\(error)")])
      } catch let error as KafkaFailure where error.isForbidden || !isFatal(error) {
        await leave(consumer)
        // For example, the broker became unreachable during an assignment, or an access list is wrong.
        context.logger.info("Kafka failed, joining the group again", [(.group, group), (.error, "\(error)")])
        if error.isForbidden { context.health.block("group \(group): \(error)") }
        blocked = error.isForbidden ? "group \(group): \(error)" : nil
        // If the sleep is cancelled, the loop's condition ends the loop.
        do { try await Task.sleep(for: error.isForbidden ? .seconds(5) : .milliseconds(200)) } catch {}
      } catch {
        await consumer.close()
        throw error
      }
      await consumer.close()
      lanes.withLock { lanes in
        lanes.revoke(Array(lanes.mine))
        lanes.end()
      }
      oldest.clear()
      context.health.block("group \(group)")
    }
  }

  /// An orderly hand-over, also after a failure if that is still possible: the next owner must not count it as a death.
  private func leave(_ consumer: KafkaConsumer) async {
    do { try await consumer.commit(handOver(Array(lanes.withLock(\.mine)))) } catch {
      context.logger.info(
        "Last commit before leaving the group failed", [(.group, group), (.error, "\(error)")])
    }
  }

  private func consume(_ consumer: KafkaConsumer) async throws {
    lanes.withLock { $0.begin() }
    var lagReport = LagReport(context: context, group: group)
    defer { lagReport.clear() }
    while true {
      let isEnding = stopping || !gate.isOpen || Task.isCancelled
      if isEnding, Task.isCancelled || lanes.withLock({ $0.inFlightCount == 0 }) { break }
      try await control(consumer, isEnding)
      let isBusy = lanes.withLock { !$0.isIdle }
      let poll = try await consumer.poll(
        maxRecords: Lanes.queuedMax / 4, maxWait: .milliseconds(isBusy ? 20 : 200))
      if !poll.revoked.isEmpty {
        // The hand-over has already dropped their queued records and committed what was finished.
        oldest.forget(poll.revoked)
        lagReport.forget(poll.revoked)
        await work.revoked(poll.revoked)
      }
      if !poll.assigned.isEmpty {
        try await adopt(poll.assigned, consumer)
        lagReport.committed = lanes.withLock {
          $0.commits(isHandedOver: false).mapValues(\.offset.nextOffset)
        }
      }
      context.health.unblock("group \(group)")
      // Also while the stage is ending: if its gate opens again before it has ended, no polled record may be missing.
      let new = lanes.withLock { $0.poll(poll.records) }
      oldest.take(new)
      wake.continuation.yield()
      for (partition, offset) in await commit(consumer) { lagReport.committed[partition] = offset }
      await lagReport.update(consumer, ignoring: work.ignores)
    }
    await leave(consumer)
  }

  /// Pauses and resumes partitions.
  private func control(_ consumer: KafkaConsumer, _ isEnding: Bool) async throws {
    let (pause, resume) = lanes.withLock { lanes in
      isEnding ? (lanes.mine, []) : lanes.flow(ignores: work.ignores)
    }
    try await consumer.pause(pause)
    try await consumer.resume(resume)
  }

  private func adopt(_ partitions: [TopicPartition], _ consumer: KafkaConsumer) async throws {
    context.logger.info("Partitions assigned", [(.group, group), (.count, "\(partitions.count)")])
    // The poll that returned the assignment returned no record of it, so this pause precedes the first record.
    try await consumer.pause(Set(partitions.filter(work.ignores)))
    let mine = partitions.filter { !work.ignores($0) }
    let committed = try await consumer.committed(mine)
    let dirty = mine.filter { committed[$0].map { !PartitionProgress.isHandedOver($0) } ?? false }
    // If this fails, more records count as suspects; but a partition without a leader must not hold up the others.
    var ends: [TopicPartition: Int64] = [:]
    do { ends = try await consumer.ends(dirty) } catch {
      context.logger.warning("End offsets could not be read", [(.group, group), (.error, "\(error)")])
    }
    let starts = try await work.assigned(
      Dictionary(uniqueKeysWithValues: mine.map { ($0, committed[$0]) }))
    lanes.withLock { lanes in
      lanes.assign(
        Dictionary(uniqueKeysWithValues: mine.map { ($0, committed[$0] ?? CommittedOffset(nextOffset: 0)) }),
        ends: ends)
      for (partition, offset) in starts { lanes.start(partition, at: offset) }
    }
    committedRevisions.withLock { $0 = [:] }
    if !starts.isEmpty { try await consumer.seek(starts) }
    _ = await commit(consumer)
  }

  /// Gives partitions up in order: drops their waiting records.
  ///
  /// - Returns: the commits for the next owners, which the caller must make.
  @discardableResult
  private func handOver(_ partitions: [TopicPartition]) -> [TopicPartition: CommittedOffset] {
    let commits = lanes.withLock { lanes in
      for partition in partitions { lanes.setNote(work.note(for: partition), of: partition) }
      defer { lanes.revoke(partitions) }
      return lanes.commits(isHandedOver: true, of: partitions)
    }
    return commits.mapValues(\.offset)
  }

  /// Commits what has changed. A failed commit is tried again after the next poll; at worst, effects repeat.
  ///
  /// - Returns: the offsets that were committed.
  private func commit(_ consumer: KafkaConsumer) async -> [TopicPartition: Int64] {
    let known = committedRevisions.withLock { $0 }
    let changed = lanes.withLock { lanes in
      let partitions = lanes.revisions.filter { known[$0.key] ?? 0 != $0.value }.map(\.key)
      for partition in partitions { lanes.setNote(work.note(for: partition), of: partition) }
      return partitions.isEmpty ? [:] : lanes.commits(isHandedOver: false, of: partitions)
    }
    guard !changed.isEmpty else { return [:] }
    do {
      try await consumer.commit(changed.mapValues(\.offset))
    } catch {
      context.logger.info("Offset commit failed, trying again", [(.group, group), (.error, "\(error)")])
      return [:]
    }
    committedRevisions.withLock { $0.merge(changed.mapValues(\.revision)) { $1 } }
    return changed.mapValues(\.offset.nextOffset)
  }

  // The work.

  private func take() -> [Lanes.Taken]? {
    guard !stopping, gate.isOpen, mayWork() else { return nil }
    let batchMax = size.withLock(\.current)
    let taken = lanes.withLock { $0.take(now: .now, batchMax: batchMax, isHeld: work.isHeld) }
    return taken.isEmpty ? nil : taken
  }

  private func work(on taken: [Lanes.Taken]) async throws {
    let generation = lanes.withLock(\.generation)
    let (early, continuation) = AsyncStream.makeStream(of: (Int, Disposition).self)
    let records = taken.indices.map { index in
      let item = taken[index]
      return RecordInWork(item.record, attempt: item.attempt, isAfterRestart: item.isAfterRestart) {
        !self.stopping && self.lanes.withLock { $0.isFed(item.record.topicPartition, since: generation) }
      } early: {
        continuation.yield((index, $0))
      }
    }
    inWork.withLock { inWork in for record in records { inWork[record.record.position] = record } }
    defer { inWork.withLock { inWork in for record in records { inWork[record.record.position] = nil } } }
    if taken.count == 1, let item = taken.first {
      let decided = try await decide(taken, records)
      continuation.finish()
      var disposition = decided.first ?? Disposition(.notBegun)
      if case .early = disposition.outcome { for await (_, value) in early { disposition = value } }
      lanes.withLock { $0.send(item) }
      wake.continuation.yield()
      try await settle(item, disposition)
      return
    }
    try await withThrowingDiscardingTaskGroup { tasks in
      async let decided = {
        defer { continuation.finish() }
        return try await self.decide(taken, records)
      }()
      for await (index, disposition) in early {
        let item = taken[index]
        lanes.withLock { $0.send(item) }
        tasks.addTask { try await self.settle(item, disposition) }
      }
      let dispositions = try await decided
      let rest = taken.indices.filter { if case .early = dispositions[$0].outcome { false } else { true } }
      lanes.withLock { lanes in for index in rest { lanes.send(taken[index]) } }
      wake.continuation.yield()
      if isOrdered {
        for (_, indices) in Dictionary(grouping: rest, by: { taken[$0].record.topicPartition }) {
          tasks.addTask { try await self.settleInOrder(indices.map { (taken[$0], dispositions[$0]) }) }
        }
      } else {
        for index in rest { tasks.addTask { try await self.settle(taken[index], dispositions[index]) } }
      }
    }
  }

  /// Lets the work decide what is to be done with these records.
  ///
  /// - Throws: Only fatal errors.
  private func decide(_ taken: [Lanes.Taken], _ records: [RecordInWork]) async throws -> [Disposition] {
    let isGuilty = lanes.withLock { lanes in taken.map { lanes.mustReject($0.record.position) } }
    var result = [Disposition](repeating: Disposition(.notBegun), count: taken.count)
    for index in taken.indices where isGuilty[index] {
      result[index] = Disposition(.rejected(.killsProcesses(context.settings.deathsMax)))
    }
    let rest = taken.indices.filter { !isGuilty[$0] }
    if rest.isEmpty { return result }
    guard await isBeginCommitted(rest.map { taken[$0] }) else { return result }
    let watch = Stopwatch()
    do {
      let made = try await work.work(on: rest.map { records[$0] }, until: .now + Self.batchTimeMax)
      precondition(made.count == rest.count, "\(made.count) dispositions for \(rest.count) records")
      for (index, disposition) in zip(rest, made) { result[index] = disposition }
    } catch {
      if isFatal(error) { throw error }
      for index in rest {
        result[index] = Disposition(
          records[index].isSettled ? .early : stopping ? .left : .retry(after: nil, error))
      }
      return result
    }
    size.withLock { $0.adapt(to: .seconds(watch.seconds), of: rest.count) }
    context.metrics.observe(.processDuration, seconds: watch.seconds, [("stage", context.name)])
    for index in rest {
      if case .notBegun = result[index].outcome { continue }
      let wait =
        Double(WallClock.milliseconds - taken[index].record.timestampMilliseconds) / 1000 - watch.seconds
      context.metrics.observe(.queueWait, seconds: max(0, wait), [("stage", context.name)])
    }
    return result
  }

  /// Waits until the start of work is committed for records that may have killed a process: if this process dies, the
  /// next owner must see which of them were in work.
  ///
  /// - Returns: false when a partition is lost, or the stage stops, before that is committed.
  private func isBeginCommitted(_ items: [Lanes.Taken]) async -> Bool {
    let watched = lanes.withLock { lanes in items.filter { lanes.isWatched($0.record.position) } }
    guard !watched.isEmpty else { return true }
    if items.count == 1, let item = items.first, lanes.withLock({ $0.isAlone(item.record.position) }) {
      context.logger.warning(
        "Record may have killed processes, working on it alone", [(.topic, item.record.position.description)])
    }
    let revisions = lanes.withLock(\.revisions)
    for item in watched {
      let partition = item.record.topicPartition
      while committedRevisions.withLock({ $0[partition] ?? 0 }) < revisions[partition] ?? 0 {
        guard !stopping, lanes.withLock({ $0.isMine(item) }) else { return false }
        do { try await Task.sleep(for: .milliseconds(5)) } catch { return false }
      }
    }
    return true
  }

  /// Carries out the dispositions of one partition in the order of its records. The records are sent together: all
  /// first phases, then all second ones. If that fails, they are settled one after another. All records after one that
  /// is not finished are worked on again after it.
  private func settleInOrder(_ items: [(Lanes.Taken, Disposition)]) async throws {
    var (index, isBroken) = (0, false)
    while index < items.count {
      let together = isBroken ? [] : items[index...].prefix { $0.1.plainPhases != nil }
      if together.count > 1, try await outbox.sendTogether(together.map { $0.1.plainPhases ?? [] }) {
        for (item, disposition) in together { await finish(item, disposition) }
        index += together.count
        continue
      }
      isBroken = isBroken || together.count > 1
      let isFinished = try await settle(items[index].0, items[index].1)
      index += 1
      if isFinished { continue }
      for (item, disposition) in items[index...] {
        // A record that failed in the same batch counts an attempt, too: the third attempt is made without others.
        let isAttempt = if case .retry = disposition.outcome { true } else { false }
        // Called before the record can be begun again.
        await disposition.settled?(false)
        putBack(item, at: nil, isAttempt: isAttempt)
      }
      return
    }
  }

  private func finish(_ item: Lanes.Taken, _ disposition: Disposition) async {
    lanes.withLock { $0.finish(item, together: disposition.together) }
    oldest.finish([item.record.position] + disposition.together)
    context.metrics.increment(.consumedMessages, [("messaging.destination.name", item.record.position.topic)])
    wake.continuation.yield()
    await disposition.settled?(true)
  }

  /// Carries out a disposition.
  ///
  /// - Returns: whether the record is finished.
  /// - Throws: Only fatal errors.
  @discardableResult
  private func settle(_ item: Lanes.Taken, _ disposition: Disposition) async throws -> Bool {
    var isFinished = false
    switch disposition.outcome {
    case .done(let phases): isFinished = try await produce(phases, for: item)
    case .rejected(let fault): isFinished = try await reject(item, fault)
    case .retry(let pause, let error):
      var backoff = Backoff(first: .milliseconds(100), max: .seconds(5))
      for _ in 0..<min(item.attempt, 8) { _ = backoff.next() }
      context.logger.warning(
        "Record failed, trying again", [(.topic, item.record.position.description), (.error, "\(error)")])
      await disposition.settled?(false)
      putBack(item, at: .now + (pause ?? backoff.next()), isAttempt: true)
      return false
    case .notBegun:
      putBack(item, at: nil, isAttempt: false)
      return false
    case .left, .early: break
    }
    if isFinished {
      await finish(item, disposition)
      return true
    }
    await disposition.settled?(false)
    var mayReturn = false
    if case .left = disposition.outcome { mayReturn = true }
    let isBack = lanes.withLock { lanes in
      // The partition may have come back. Then the record was polled again, but ignored because it was in work.
      if mayReturn, lanes.isMine(item) { return lanes.retry(item, at: nil, isAttempt: false) }
      lanes.leave(item)
      return false
    }
    if !isBack { oldest.finish([item.record.position]) }
    wake.continuation.yield()
    return false
  }

  private func putBack(_ item: Lanes.Taken, at due: ContinuousClock.Instant?, isAttempt: Bool) {
    if !lanes.withLock({ $0.retry(item, at: due, isAttempt: isAttempt) }) {
      oldest.finish([item.record.position])
    }
    wake.continuation.yield()
  }

  /// - Returns: false when the record is left to the next owner because the stage stops.
  private func produce(_ phases: [Phase], for item: Lanes.Taken) async throws -> Bool {
    switch try await outbox.send(
      phases, orStopped: { self.stopping },
      delayed: { self.lanes.withLock { $0.endAlone(item.record.position) } })
    {
    case .acknowledged: return true
    case .stopped: return false
    case .refused(let failure): return try await reject(item, .refused(failure, item.record))
    }
  }

  private func reject(_ item: Lanes.Taken, _ fault: FieldError) async throws -> Bool {
    var backoff = Backoff(first: .milliseconds(100), max: .seconds(5))
    while true {
      do {
        let phases = try await work.rejection(of: item.record, fault)
        let letter = context.deadLetter(item.record, RecordError(fault), rule: fault.rule)
        switch try await outbox.send(
          phases, orStopped: { self.stopping },
          delayed: { self.lanes.withLock { $0.endAlone(item.record.position) } })
        {
        case .stopped: return false
        case .refused(let failure): throw failure
        case .acknowledged: return try await outbox.send(letter: letter, orStopped: { self.stopping })
        }
      } catch {
        if isFatal(error) { throw error }
        if stopping { return false }
        context.logger.error(
          "Record could not be rejected, trying again",
          [(.topic, item.record.position.description), (.error, "\(error)")])
        do { try await Task.sleep(for: backoff.next()) } catch { return false }
      }
    }
  }
}

/// Whether the error is a fatal one: trying again can't help.
func isFatal(_ error: any Error) -> Bool { (error as? any Failure)?.kind == .fatal }

extension FieldError {
  static func refused(_ failure: KafkaFailure, _ record: ConsumerRecord) -> FieldError {
    FieldError(
      .tooLarge, field: "value", value: "\(record.value?.count ?? 0) bytes",
      rule: "must be smaller: the broker refuses the records made from it (\(failure.name))")
  }

  static func killsProcesses(_ count: Int) -> FieldError {
    FieldError(
      .killsProcesses, field: "value", value: "",
      rule: "was in work when \(count) processes died, the last two times alone")
  }
}
