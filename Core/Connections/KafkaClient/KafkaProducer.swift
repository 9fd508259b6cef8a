import BlockingExecutor
internal import CRdKafka
import Foundation
import Records
import Synchronization
import Telemetry

/// An idempotent producer that keeps what is not acknowledged: when librdkafka's handle turns fatal
/// ("sequence desynchronization"), a new one takes its place and everything is sent again. Repeats are
/// allowed, loss is not.
///
/// A cancelled `send` may still be delivered.
package final class KafkaProducer: Sendable {
  private struct Pending {
    var record: OutgoingRecord
    var batch: Batch
    /// In its batch; nil for a copy that nobody waits for.
    var index: Int?
  }

  private struct State {
    var handle: KafkaHandle?
    var queue: EventQueue?
    var nextID: UInt = 1
    var pending: [UInt: Pending] = [:]
    /// Of `pending`: copies.
    var copyCount = 0
    var awaitedCount: Int { pending.count - copyCount }
    /// Of the present handle; librdkafka reports a fatal error once.
    var isFatal = false
    var isClosed = false
  }

  private static let copiesMax = 1000
  private let settings: [String: String]
  private let inFlightMax: Int
  private let recordBytesMax: [String: Int]
  private let state = Mutex(State())
  /// Held by whoever uses a handle for longer, and by whoever destroys one.
  private let lifetime = Mutex(())
  private let waiters = Mutex<[CheckedContinuation<Void, Never>]>([])
  private let ended = Mutex<(isEnded: Bool, waiter: CheckedContinuation<Void, Never>?)>((false, nil))
  private let metrics: MetricsRegistry?
  private let logger: Logger

  /// - Parameters:
  ///   - inFlightMax: unacknowledged records; the next `send` suspends.
  ///   - recordBytesMax: limits of topics. A record beyond its own is refused here: the broker would refuse the whole batch
  ///     in which it travels, with its neighbours.
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
  @discardableResult
  package func send(_ record: OutgoingRecord) async throws -> RecordPosition {
    guard let position = try await send([record]).first else {
      throw failure("send", RD_KAFKA_RESP_ERR__INVALID_ARG)
    }
    return position
  }

  /// Produces records in their order and waits until all but copies are acknowledged.
  ///
  /// - Returns: their positions, in the same order, without those of copies.
  /// - Throws: `KafkaFailure` of the first that was rejected, after all are decided.
  @discardableResult
  package func send(_ records: [OutgoingRecord]) async throws -> [RecordPosition] {
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

  /// Makes these topics known before the first record needs them. Blocks: call it on a blocking executor.
  package func warmUp(_ topics: [String]) {
    lifetime.withLock { _ in state.withLock { $0.handle }?.warmUp(topics) }
  }

  private func waitForRoom() async throws {
    while state.withLock({ $0.awaitedCount >= inFlightMax }) {
      try Task.checkCancellation()
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          waiters.withLock { $0.append(continuation) }
          // Asked after it stands in the list: whoever makes room or cancels from here on finds it there.
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
      guard !state.isClosed else { return failure("send", RD_KAFKA_RESP_ERR__DESTROY) }
      if let limit = recordBytesMax[record.topic], record.bytesInBatch > limit {
        return failure("produce", RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
      }
      // A topic without a leader keeps its copies for ever: a thousand of them, no more.
      if index == nil, state.copyCount >= Self.copiesMax {
        return failure("send", RD_KAFKA_RESP_ERR__QUEUE_FULL)
      }
      let id = state.nextID
      state.nextID += 1
      state.pending[id] = Pending(record: record, batch: batch, index: index)
      if index == nil { state.copyCount += 1 }
      // Without a handle, or with a full or fatal one, the record stays pending: the event thread sends it.
      guard let problem = state.handle?.produce(record, id: id) else { return nil }
      if problem.kind != .rejected {
        state.isFatal = state.isFatal || problem.code != RD_KAFKA_RESP_ERR__QUEUE_FULL.rawValue
        return nil
      }
      state.pending[id] = nil
      if index == nil { state.copyCount -= 1 }
      return problem
    }
    if let rejected { finish(record, batch, index, .failure(rejected)) }
  }

  private func finish(
    _ record: OutgoingRecord, _ batch: Batch, _ index: Int?, _ result: Result<RecordPosition, KafkaFailure>
  ) {
    if let index { return batch.finish(index, result) }
    guard case .failure(let failure) = result else { return }
    logger.warning("A copy is not delivered", [(.topic, record.topic), (.error, "\(failure)")])
  }

  /// Whatever librdkafka does not know of any more, though it is not acknowledged, is sent again: records that met
  /// a full queue or no handle, and those whose report went down with an old handle.
  private func sendForgotten() {
    state.withLock { state in
      guard !state.isFatal, let handle = state.handle, !state.pending.isEmpty, handle.queuedCount == 0 else {
        return
      }
      Self.producePending(&state, handle)
    }
  }

  /// In order, until the handle takes no more: with a full queue the rest waits, any other refusal condemns the handle.
  private static func producePending(_ state: inout State, _ handle: KafkaHandle) {
    for (id, pending) in state.pending.sorted(by: { $0.key < $1.key }) {
      guard let problem = handle.produce(pending.record, id: id) else { continue }
      state.isFatal = state.isFatal || problem.code != RD_KAFKA_RESP_ERR__QUEUE_FULL.rawValue
      return
    }
  }

  /// The event thread: delivery reports and errors, until the producer is closed.
  private func pollEvents() {
    while true {
      guard let queue = state.withLock({ $0.isClosed ? nil : $0.queue }) else { break }
      switch queue.poll(milliseconds: 100) {
      case .nothing: sendForgotten()
      case .fatal(let reason):
        logger.warning("Producer handle is fatal", [(.reason, reason)])
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
      // A purge or a fatal handle decides nothing about the record: it is sent again.
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

  /// Makes a new handle and sends everything that is pending again, in order.
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
        logger.error("Producer handle can't be replaced", [(.error, "\(error)")])
        Thread.sleep(forTimeInterval: 1)
      }
    }
  }

  /// Makes the present handle fail as a broker's crash can; for tests.
  package func injectFatalError() {
    state.withLock { state in
      if let handle = state.handle {
        unsafe _ = rd_kafka_test_fatal_error(
          handle.pointer, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "injected")
      }
    }
  }

  /// Waits until nothing is pending but copies.
  /// - Returns: the number of records still undelivered at the deadline.
  package func flush(deadline: Duration) async -> Int {
    let end = ContinuousClock.now + deadline
    while ContinuousClock.now < end {
      if state.withLock({ $0.awaitedCount == 0 }) { return 0 }
      do { try await Task.sleep(for: .milliseconds(5)) } catch { break }
    }
    return state.withLock { $0.awaitedCount }
  }

  /// Flushes, fails what is left and ends the thread.
  package func close(deadline: Duration) async {
    let left = await flush(deadline: deadline)
    if left > 0 { logger.warning("Records left undelivered", [(.count, "\(left)")]) }
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
      finish(item.record, item.batch, item.index, .failure(failure("close", RD_KAFKA_RESP_ERR__DESTROY)))
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
  private typealias Outcome = Result<[RecordPosition], any Error>
  private struct State {
    var results: [Result<RecordPosition, KafkaFailure>?]
    var open: Int
    /// Set once, by the last record or by whoever stops waiting.
    var outcome: Outcome?
    var waiter: CheckedContinuation<[RecordPosition], any Error>?
  }
  private let state: Mutex<State>

  init(count: Int) { state = Mutex(State(results: Array(repeating: nil, count: count), open: count)) }

  func wait(_ continuation: CheckedContinuation<[RecordPosition], any Error>) {
    let known = state.withLock { state -> Outcome? in
      if state.outcome == nil { state.waiter = continuation }
      return state.outcome
    }
    if let known { continuation.resume(with: known) }
  }

  func finish(_ index: Int, _ result: Result<RecordPosition, KafkaFailure>) {
    end { state in
      guard state.results[index] == nil else { return nil }
      state.results[index] = result
      state.open -= 1
      guard state.open == 0 else { return nil }
      return Result { try state.results.compactMap { try $0?.get() } }
    }
  }

  /// The records may still be delivered; nobody waits for them.
  func abandon() { end { _ in .failure(CancellationError()) } }

  private func end(_ decide: (inout State) -> Outcome?) {
    let ended = state.withLock { state -> (CheckedContinuation<[RecordPosition], any Error>, Outcome)? in
      guard state.outcome == nil, let outcome = decide(&state) else { return nil }
      state.outcome = outcome
      defer { state.waiter = nil }
      return state.waiter.map { ($0, outcome) }
    }
    if let (waiter, outcome) = ended { waiter.resume(with: outcome) }
  }
}
