import Failures
import Foundation
import KafkaClient
import Records
import Services
import Synchronization
import Time

/// Pull → work → produce → commit → pull, until told to stop.
package final class BatchStage: Service {
  package var name: String { "\(context.name)/\(group)" }
  private let context: StageContext
  private let group: String
  private let topics: [String]
  private let work: any BatchWork
  private let gate: Gate
  private let oldest: OldestRecords
  private let size: Mutex<BatchSize>
  private let isStopping = Mutex(false)

  /// - Parameter gate: the group is joined only while it is open, and left when it closes.
  package init(
    _ context: StageContext, group: String, topics: [String], batchRecordsMax: Int,
    gate: Gate = Gate(isOpen: true),
    work: any BatchWork
  ) {
    self.context = context
    self.group = group
    self.topics = topics
    size = Mutex(BatchSize(max: batchRecordsMax, pollIntervalMax: context.kafka.pollIntervalMax))
    self.work = work
    self.gate = gate
    oldest = OldestRecords(context, group: group, topics: topics)
    context.health.block("group \(group)")
  }

  /// - Throws: A `Failure` of kind `.fatal`, or an error of `BatchWork.assigned` that is no `KafkaFailure`.
  ///   After other failures of Kafka the group is joined again.
  package func run() async throws {
    while !stopping {
      guard await gate.waitUntilOpen(orStopped: { self.stopping }) else { break }
      let consumer = KafkaConsumer(context.kafka, group: group)
      do {
        try await consumer.subscribe(to: topics)
        try await withTaskExecutorPreference(consumer.executor) { try await self.loop(consumer) }
      } catch  where stopping && !isFatal(error) {
        // Neither produced nor committed as a whole: it comes again.
        context.logger.info("Left to the next owner", [(.group, group), (.error, "\(error)")])
      } catch let error as KafkaFailure where !isFatal(error) {
        // The broker went away in the middle of an assignment, say: leave, and join again when it is back.
        context.logger.info("Joins again", [(.group, group), (.error, "\(error)")])
        do { try await Task.sleep(for: .milliseconds(200)) } catch {}  // cancelled: then it is stopping, too
      } catch {
        await consumer.close()
        context.health.fail("\(group): \(error)")
        context.logger.error("Stage stops", [(.group, group), (.error, "\(error)")])
        throw error
      }
      await consumer.close()
      oldest.clear()
      context.health.block("group \(group)")
    }
  }

  package func shutdown() async { isStopping.withLock { $0 = true } }
  private var stopping: Bool { isStopping.withLock { $0 } }

  private func loop(_ consumer: KafkaConsumer) async throws {
    var uncommitted: [TopicPartition: CommittedOffset] = [:]
    var taken: [RecordPosition] = []
    var lagReport = LagReport(context: context, group: group)
    while !stopping, gate.isOpen {
      let poll = try await consumer.poll(maxRecords: size.withLock(\.current), maxWait: .milliseconds(200))
      if !poll.revoked.isEmpty {
        for partition in poll.revoked { uncommitted[partition] = nil }
        oldest.forget(poll.revoked)
        await work.revoked(poll.revoked)
      }
      if !poll.assigned.isEmpty {
        context.logger.info("Partitions assigned", [(.group, group), (.count, "\(poll.assigned.count)")])
        // Before the first record: none comes with the assignment itself.
        try await consumer.pause(Set(poll.assigned.filter(work.ignores)))
        try await work.assigned(poll.assigned)
        lagReport.committed = try await consumer.committed(poll.assigned).mapValues(\.nextOffset)
      }
      context.health.unblock("group \(group)")
      if !poll.records.isEmpty {
        oldest.take(poll.records)
        let start = ContinuousClock.now
        try await workUntilDone(poll.records)
        let time = ContinuousClock.now - start
        size.withLock { $0.adapt(to: time, of: poll.records.count) }
        for record in poll.records {
          let next = max(uncommitted[record.topicPartition]?.nextOffset ?? 0, record.nextOffset)
          uncommitted[record.topicPartition] = CommittedOffset(nextOffset: next)
        }
        taken += poll.records.map(\.position)
      }
      if !uncommitted.isEmpty, await commit(consumer, uncommitted) {
        for (partition, offset) in uncommitted { lagReport.committed[partition] = offset.nextOffset }
        uncommitted = [:]
        oldest.finish(taken)
        taken = []
      }
      await lagReport.update(consumer, ignoring: work.ignores)
    }
  }

  /// Repeats a batch until its outputs are acknowledged: what was taken is never dropped.
  private func workUntilDone(_ records: [ConsumerRecord]) async throws {
    var backoff = Backoff(first: .milliseconds(100), max: .seconds(5))
    while true {
      let watch = Stopwatch()
      do {
        let outputs = try await work.work(on: records)
        context.metrics.observe(.processDuration, seconds: watch.seconds, [("stage", context.name)])
        try await context.producer.send(outputs)
        for record in records {
          context.metrics.increment(
            .consumedMessages, [("messaging.destination.name", record.position.topic)])
          context.metrics.observe(
            .queueWait,
            seconds: max(
              0, Double(WallClock.milliseconds - record.timestampMilliseconds) / 1000 - watch.seconds),
            [("stage", context.name)])
        }
        return
      } catch {
        if stopping || isFatal(error) { throw error }
        if let failure = error as? KafkaFailure, failure.isRefusedRecord {
          // Whose fault it is shows when each goes alone; the others go on.
          guard let record = records.first, records.count == 1 else {
            for record in records { try await workUntilDone([record]) }
            return
          }
          if await giveUp(record, failure) { return }
        }
        context.logger.warning(
          "Batch failed, trying again",
          [(.group, group), (.error, "\(error)"), (.recordCount, "\(records.count)")])
        try await Task.sleep(for: backoff.next())
      }
    }
  }

  /// - Returns: false when it must be tried again.
  private func giveUp(_ record: ConsumerRecord, _ failure: KafkaFailure) async -> Bool {
    do {
      let outputs = try await work.refused(record, .refused(failure))
      let letters = outputs.filter { $0.topic == context.topic(.deadletters) }
      try await context.producer.send(outputs.filter { $0.topic != context.topic(.deadletters) })
      for letter in letters { try await context.sendLetter(letter) }
      return true
    } catch {
      context.logger.error(
        "Record has no end", [(.topic, record.position.description), (.error, "\(error)")])
      return false
    }
  }

  /// A failed commit only means that effects may repeat: they are kept and committed with the next batch.
  private func commit(_ consumer: KafkaConsumer, _ offsets: [TopicPartition: CommittedOffset]) async -> Bool {
    do {
      try await consumer.commit(offsets)
      return true
    } catch {
      context.logger.info("Commit put off", [(.group, group), (.error, "\(error)")])
      return false
    }
  }
}

/// How many records a batch may hold: a member that works longer than the group waits for it is put out, and
/// where there are two, each repeats what the other could not commit, without end.
private struct BatchSize {
  private let max: Int
  private let pollIntervalMax: Duration
  private(set) var current: Int

  init(max: Int, pollIntervalMax: Duration) {
    self.max = max
    self.pollIntervalMax = pollIntervalMax
    current = max
  }

  /// Aims at a quarter of the interval after a batch that took half of it; grows back while batches take an
  /// eighth.
  mutating func adapt(to time: Duration, of count: Int) {
    if time > pollIntervalMax / 2 {
      current = Swift.max(1, Int(Double(count) * (pollIntervalMax / 4 / time)))
    } else if time < pollIntervalMax / 8, count == current {
      current = min(max, current * 2)
    }
  }
}

extension RecordError {
  static func refused(_ failure: KafkaFailure) -> RecordError {
    RecordError(
      code: .tooLarge, field: "value",
      message: "value: what is made of it is refused by the broker (\(failure.name)): it must be smaller")
  }
}

/// Whether trying again can't help.
func isFatal(_ error: any Error) -> Bool { (error as? any Failure)?.kind == .fatal }
