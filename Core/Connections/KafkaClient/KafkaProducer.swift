import BlockingExecutor
internal import CRdKafka
import Foundation
import Records
import Synchronization
import Telemetry

/// An idempotent producer that keeps unacknowledged records, for as long as the configuration's `deliveryTimeout`.
/// When librdkafka's handle gets a fatal error ("sequence desynchronization"), a new handle replaces it and sends
/// these records again. So a record may be stored twice, but none is lost.
///
/// A cancelled `send` may still be delivered.
package final class KafkaProducer: Sendable {
  private struct Pending {
    var record: OutgoingRecord
    var batch: Batch
    /// The record's index in its batch; nil for a copy, which `send` does not wait for.
    var index: Int?
  }

  private struct State {
    var handle: KafkaHandle?
    var queue: EventQueue?
    var nextID: UInt = 1
    var pending: [UInt: Pending] = [:]
    /// The number of copies in `pending`.
    var copyCount = 0
    var awaitedCount: Int { pending.count - copyCount }
    /// True when the current handle has a fatal error. It is stored because librdkafka reports a fatal error
    /// only once.
    var isFatal = false
    var isClosed = false
  }

  private static let copiesMax = 1000
  private let settings: [String: String]
  private let inFlightMax: Int
  private let recordBytesMax: [String: Int]
  private let state = Mutex(State())
  /// Held while `warmUp` uses a handle and while `replaceHandle` destroys one.
  private let lifetime = Mutex(())
  private let waiters = Mutex<[CheckedContinuation<Void, Never>]>([])
  private let ended = Mutex<(isEnded: Bool, waiter: CheckedContinuation<Void, Never>?)>((false, nil))
  private let metrics: MetricsRegistry?
  private let logger: Logger

  /// - Parameters:
  ///   - inFlightMax: the limit of unacknowledged records. Beyond it, `send` suspends.
  ///   - recordBytesMax: limits by topic. A larger record is refused here, because the broker would refuse
  ///     the whole batch, with all its other records.
  /// - Throws: `KafkaFailure` when the configuration is refused.
  package init(
    _ configuration: KafkaConfiguration, inFlightMax: Int = 10_000, recordBytesMax: [String: Int] = [:],
    metrics: MetricsRegistry? = nil
  )
    throws(KafkaFailure)
  {
    settings = configuration.producer
    self.inFlightMax = inFlightMax
    self.recordBytesMax = recordBytesMax
    self.metrics = metrics
    logger = Logger(label: "kafka.producer")
    let handle = try unsafe KafkaHandle(RD_KAFKA_PRODUCER, settings, deliveryEvents: true)
    state.withLock {
      $0.handle = handle
      $0.queue = EventQueue(handle)
    }
    startBlockingThread(name: "producer") { self.pollEvents() }
  }

  /// Produces one record and waits for the broker's acknowledgement.
  ///
  /// - Throws: `KafkaFailure` when the record can't be delivered, and `CancellationError`. After a cancellation
  ///   the record may still be delivered.
  @discardableResult
  package func send(_ record: OutgoingRecord) async throws -> Acknowledgement {
    guard let acknowledgement = try await send([record]).first else {
      throw failure(.send, RD_KAFKA_RESP_ERR__INVALID_ARG)
    }
    return acknowledgement
  }

  /// Produces records in their order and waits until all of them, except copies, are acknowledged.
  ///
  /// - Returns: the acknowledgements of the records in the same order, without copies.
  /// - Throws: `KafkaFailure` of the first undelivered record, after the results of all records are known, and
  ///   `CancellationError`. After a cancellation the records may still be delivered.
  @discardableResult
  package func send(_ records: [OutgoingRecord]) async throws -> [Acknowledgement] {
    guard !records.isEmpty else { return [] }
    try await waitForRoom()
    let count = records.count { !$0.isCopy }
    let batch = Batch(count: count)
    var index = 0
    for record in records {
      enqueue(record, batch, record.isCopy ? nil : index)
      if !record.isCopy { index += 1 }
    }
    guard count > 0 else { return [] }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { batch.wait($0) }
    } onCancel: {
      batch.abandon()
    }
  }

  /// Makes these topics known before the first record needs them. Blocks, so call it on a blocking executor.
  package func warmUp(_ topics: [String]) {
    lifetime.withLock { _ in state.withLock { $0.handle }?.warmUp(topics) }
  }

  /// Returns when the number of unacknowledged records is below its limit.
  ///
  /// - Throws: `CancellationError`.
  package func waitForRoom() async throws {
    while state.withLock({ $0.awaitedCount >= inFlightMax }) {
      try Task.checkCancellation()
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          waiters.withLock { $0.append(continuation) }
          // Check again, because the list has the continuation only now: an earlier wake-up would have
          // missed it.
          let isFull = state.withLock { $0.awaitedCount >= inFlightMax }
          if !isFull || Task.isCancelled { wakeWaiters() }
        }
      } onCancel: {
        wakeWaiters()
      }
    }
  }

  private func wakeWaiters() {
    let woken = waiters.withLock { waiters in
      defer { waiters = [] }
      return waiters
    }
    for waiter in woken { waiter.resume() }
  }

  private func enqueue(_ record: OutgoingRecord, _ batch: Batch, _ index: Int?) {
    let rejected: KafkaFailure? = state.withLock { state in
      guard !state.isClosed else { return failure(.send, RD_KAFKA_RESP_ERR__DESTROY) }
      if let limit = recordBytesMax[record.topic], record.bytesInBatch > limit {
        return failure(.produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
      }
      // Copies for a topic without a leader may be kept for a long time, so their number is limited.
      if index == nil, state.copyCount >= Self.copiesMax {
        return failure(.send, RD_KAFKA_RESP_ERR__QUEUE_FULL)
      }
      let id = state.nextID
      state.nextID += 1
      state.pending[id] = Pending(record: record, batch: batch, index: index)
      if index == nil { state.copyCount += 1 }
      // If there is no handle, or its queue is full, or it has a fatal error, the record stays pending and the
      // event thread sends it.
      guard let problem = state.handle?.produce(record, id: id) else { return nil }
      if problem.kind != .rejected {
        state.isFatal = state.isFatal || problem.code != .queueFull
        return nil
      }
      state.pending[id] = nil
      if index == nil { state.copyCount -= 1 }
      return problem
    }
    if let rejected { finish(record, batch, index, .failure(rejected)) }
  }

  private func finish(
    _ record: OutgoingRecord, _ batch: Batch, _ index: Int?, _ result: Result<Acknowledgement, KafkaFailure>
  ) {
    if let index { return batch.finish(index, result) }
    guard case .failure(let failure) = result else { return }
    logger.warning("A copy of a record was not delivered", [(.topic, record.topic), (.error, "\(failure)")])
  }

  /// Sends unacknowledged records again that librdkafka no longer holds: records that met a full queue or
  /// no handle, and records whose delivery report was lost with an old handle.
  private func sendForgotten() {
    state.withLock { state in
      guard !state.isFatal, let handle = state.handle, !state.pending.isEmpty, handle.queuedCount == 0 else {
        return
      }
      Self.producePending(&state, handle)
    }
  }

  /// Produces the pending records in order until the handle refuses one. If its queue is full, the rest
  /// wait. Any other refusal counts as a fatal error of the handle.
  private static func producePending(_ state: inout State, _ handle: KafkaHandle) {
    for (id, pending) in state.pending.sorted(by: { $0.key < $1.key }) {
      guard let problem = handle.produce(pending.record, id: id) else { continue }
      state.isFatal = state.isFatal || problem.code != .queueFull
      return
    }
  }

  /// The loop of the event thread: it handles delivery reports and errors until the producer is closed.
  private func pollEvents() {
    while true {
      guard let queue = state.withLock({ $0.isClosed ? nil : $0.queue }) else { break }
      switch queue.poll(milliseconds: 100) {
      case .nothing: sendForgotten()
      case .fatal(let reason):
        logger.warning("Producer handle has a fatal error, a new handle replaces it", [(.reason, reason)])
        state.withLock { $0.isFatal = true }
      case .deliveries(let deliveries): for delivery in deliveries { settle(delivery) }
      }
      if state.withLock({ $0.isFatal }) { replaceHandle() }
    }
    ended.withLock {
      $0.isEnded = true
      $0.waiter?.resume()
    }
  }

  private func settle(_ delivery: Delivery) {
    let finished: Pending? = state.withLock { state in
      // A purge or a fatal error of the handle says nothing about the record, so the record is sent again.
      if delivery.mustRepeat {
        state.isFatal = true
        return nil
      }
      let settled = state.pending.removeValue(forKey: delivery.id)
      if let settled, settled.index == nil { state.copyCount -= 1 }
      return settled
    }
    guard let finished else { return }
    metrics?.increment(.sentMessages, [("messaging.destination.name", finished.record.topic)])
    finish(finished.record, finished.batch, finished.index, delivery.result)
    if state.withLock({ $0.awaitedCount < inFlightMax }) { wakeWaiters() }
  }

  /// Replaces the handle and sends all pending records again, in order.
  private func replaceHandle() {
    metrics?.increment(.producerReplacements)
    let old = state.withLock { state -> KafkaHandle? in
      defer {
        state.handle = nil
        state.queue = nil
      }
      return state.handle
    }
    lifetime.withLock { _ in
      old?.purge()
      old?.destroy()
    }
    while !state.withLock({ $0.isClosed }) {
      do {
        let handle = try unsafe KafkaHandle(RD_KAFKA_PRODUCER, settings, deliveryEvents: true)
        state.withLock { state in
          state.handle = handle
          state.queue = EventQueue(handle)
          state.isFatal = false
          Self.producePending(&state, handle)
        }
        return
      } catch {
        logger.error("Creating a new producer handle failed, trying again", [(.error, "\(error)")])
        Thread.sleep(forTimeInterval: 1)
      }
    }
  }

  /// Gives the current handle a fatal error, as the crash of a broker can. For tests.
  package func injectFatalError() {
    state.withLock { state in
      if let handle = state.handle {
        unsafe _ = rd_kafka_test_fatal_error(
          handle.pointer, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "injected")
      }
    }
  }

  /// Waits until only copies are pending.
  ///
  /// - Returns: the number of records that are still undelivered at the deadline, not counting copies.
  package func flush(deadline: Duration) async -> Int {
    let end = ContinuousClock.now + deadline
    while ContinuousClock.now < end {
      if state.withLock({ $0.awaitedCount == 0 }) { return 0 }
      do { try await Task.sleep(for: .milliseconds(5)) } catch { break }
    }
    return state.withLock { $0.awaitedCount }
  }

  /// Flushes, fails the `send` calls that are still waiting, and ends the event thread.
  package func close(deadline: Duration) async {
    let left = await flush(deadline: deadline)
    if left > 0 { logger.warning("Producer closes with undelivered records", [(.count, "\(left)")]) }
    let (handle, pending) = state.withLock { state -> (KafkaHandle?, [Pending]) in
      state.isClosed = true
      defer {
        state.handle = nil
        state.queue = nil
        state.pending = [:]
        state.copyCount = 0
      }
      return (state.handle, Array(state.pending.values))
    }
    for item in pending {
      finish(item.record, item.batch, item.index, .failure(failure(.close, RD_KAFKA_RESP_ERR__DESTROY)))
    }
    await withCheckedContinuation { continuation in
      let isEnded = ended.withLock { ended in
        if !ended.isEnded { ended.waiter = continuation }
        return ended.isEnded
      }
      if isEnded { continuation.resume() }
    }
    handle?.purge()
    handle?.destroy(limit: .seconds(2))
  }
}

/// The results of one `send`.
private final class Batch: Sendable {
  private typealias Outcome = Result<[Acknowledgement], any Error>
  private struct State {
    var results: [Result<Acknowledgement, KafkaFailure>?]
    var open: Int
    /// Set once: by the last record's result, or by a cancellation.
    var outcome: Outcome?
    var waiter: CheckedContinuation<[Acknowledgement], any Error>?
  }
  private let state: Mutex<State>

  init(count: Int) { state = Mutex(State(results: Array(repeating: nil, count: count), open: count)) }

  func wait(_ continuation: CheckedContinuation<[Acknowledgement], any Error>) {
    let known = state.withLock { state -> Outcome? in
      if state.outcome == nil { state.waiter = continuation }
      return state.outcome
    }
    if let known { continuation.resume(with: known) }
  }

  func finish(_ index: Int, _ result: Result<Acknowledgement, KafkaFailure>) {
    end { state in
      guard state.results[index] == nil else { return nil }
      state.results[index] = result
      state.open -= 1
      guard state.open == 0 else { return nil }
      return Result { try state.results.compactMap { try $0?.get() } }
    }
  }

  /// Ends the wait. The records may still be delivered.
  func abandon() { end { _ in .failure(CancellationError()) } }

  private func end(_ decide: (inout State) -> Outcome?) {
    let ended = state.withLock { state -> (CheckedContinuation<[Acknowledgement], any Error>, Outcome)? in
      guard state.outcome == nil, let outcome = decide(&state) else { return nil }
      state.outcome = outcome
      defer { state.waiter = nil }
      return state.waiter.map { ($0, outcome) }
    }
    if let (waiter, outcome) = ended { waiter.resume(with: outcome) }
  }
}
