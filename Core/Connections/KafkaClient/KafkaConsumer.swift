import BlockingExecutor
internal import CRdKafka
import Foundation
import Records
import Telemetry
import Time

/// A member of a consumer group, on its own thread.
///
/// The rebalance callback runs only inside `poll`. Offsets are committed only by `commit`, and inside `poll` for
/// revoked partitions (`handOver`).
package actor KafkaConsumer {
  /// The loop around this consumer may use this executor too, if the loop awaits nothing else while `poll`
  /// blocks.
  package nonisolated let executor: BlockingExecutor
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  private let configuration: KafkaConfiguration
  package nonisolated let group: String
  private var handle: KafkaHandle?
  private var pending = ConsumerPoll()
  private var assignment: Set<TopicPartition> = []
  private var pausedPartitions: Set<TopicPartition> = []
  /// Partitions that this consumer paused, in this or an earlier assignment, and has not resumed.
  private var unresumedPartitions: Set<TopicPartition> = []
  private var isLeaving = false
  private var handOver: (@Sendable ([TopicPartition]) -> [TopicPartition: CommittedOffset])?

  package init(_ configuration: KafkaConfiguration, group: String) {
    self.configuration = configuration
    self.group = group
    executor = BlockingExecutor(name: "consumer")
  }

  /// Joins the group. A later `poll` returns the assignment.
  ///
  /// - Parameter handOver: called inside `poll` with the partitions that are being revoked. The offsets that it
  ///   returns are committed before the partitions are given up.
  /// - Throws: `KafkaFailure` when the configuration or the subscription is refused.
  package func subscribe(
    to topics: [String],
    handOver: @escaping @Sendable ([TopicPartition]) -> [TopicPartition: CommittedOffset] = { _ in [:] }
  ) throws(KafkaFailure) {
    precondition(handle == nil, "subscribed twice")
    self.handOver = handOver
    isLeaving = false
    // Unretained: close() runs before this actor is released, and no callback runs after it.
    let opaque = unsafe Unmanaged.passUnretained(self).toOpaque()
    let handle = try unsafe KafkaHandle(
      RD_KAFKA_CONSUMER, configuration.consumer(group: group), opaque: opaque, rebalance: rebalanced)
    unsafe rd_kafka_poll_set_consumer(handle.pointer)
    let list = PartitionList(topics.map { TopicPartition($0, RD_KAFKA_PARTITION_UA) })
    try check(.subscribe, unsafe rd_kafka_subscribe(handle.pointer, list.pointer))
    self.handle = handle
  }

  /// Waits at most `maxWait` for a first record, then takes the records that are available, up to
  /// `maxRecords`. Returns at once when partitions were assigned or revoked.
  ///
  /// - Throws: `KafkaFailure` of kind fatal, or because `subscribe` was not called. librdkafka itself retries
  ///   transient errors.
  package func poll(maxRecords: Int, maxWait: Duration) throws(KafkaFailure) -> ConsumerPoll {
    guard let handle else { throw failure(.poll, RD_KAFKA_RESP_ERR__STATE) }
    var wait = Int32(clamping: maxWait.milliseconds)
    while pending.records.count < maxRecords {
      guard let message = unsafe rd_kafka_consumer_poll(handle.pointer, wait) else { break }
      defer { unsafe rd_kafka_message_destroy(message) }
      let code = unsafe message.pointee.err
      if code == RD_KAFKA_RESP_ERR_NO_ERROR {
        pending.records.append(unsafe copyRecord(message))
        wait = 0
      } else if code == RD_KAFKA_RESP_ERR__FATAL || failure(.poll, code).kind == .fatal {
        throw failure(.poll, code)
      }
      if !pending.assigned.isEmpty || !pending.revoked.isEmpty { break }
    }
    defer { pending = ConsumerPoll() }
    return pending
  }

  /// Runs inside `rd_kafka_consumer_poll`, on this actor's thread.
  fileprivate func rebalance(
    _ code: rd_kafka_resp_err_t, _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?,
    _ pointer: OpaquePointer?
  ) {
    // Another client that leads the group may assign a partition twice. librdkafka would then refuse the whole list.
    var seen: Set<TopicPartition> = []
    let moved = unsafe partitions(of: list).filter { seen.insert($0).inserted }
    if code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, !isLeaving {
      let unique = PartitionList(moved)
      _ = withExtendedLifetime(unique) { unsafe rd_kafka_assign(pointer, unique.pointer) }
      pending.assigned += moved
      assignment = Set(moved)
    } else {
      commitHandedOver(moved)
      unsafe rd_kafka_assign(pointer, nil)
      pending.revoked += moved
      pending.assigned = []
      let gone = Set(moved)
      pending.records.removeAll { gone.contains($0.topicPartition) }
      assignment = []
    }
    // In librdkafka 2.0.2 a pause outlives the assignment, so `unresumedPartitions` keeps the partitions to
    // resume.
    pausedPartitions = []
    // Without the yield, the poll would go on waiting for a first record while the rebalance is not handled.
    if !isLeaving { unsafe rd_kafka_yield(pointer) }
  }

  /// Commits the offsets that `handOver` returns. A failed commit only means that records are redelivered; it is
  /// expected when the partitions were already lost.
  private func commitHandedOver(_ partitions: [TopicPartition]) {
    guard !isLeaving, let handle, let commits = handOver?(partitions), !commits.isEmpty else { return }
    do { try commitOffsets(handle, commits) } catch {
      Logger(label: "kafka.consumer").info(
        "Offset commit of revoked partitions failed", [(.group, group), (.error, "\(error)")])
    }
  }

  /// Commits next offsets and waits for the answer: at most 5 s, or 0.25 s when the task is cancelled.
  ///
  /// - Throws: `KafkaFailure`. Its kind is retriable when the group rebalances, or when the limit has
  ///   passed and the commit may still succeed. Then poll again: records may be redelivered.
  package func commit(_ offsets: [TopicPartition: CommittedOffset]) throws(KafkaFailure) {
    guard let handle, !offsets.isEmpty else { return }
    try commitOffsets(handle, offsets)
  }

  /// The group's committed offsets. Partitions without a commit are absent.
  ///
  /// - Throws: `KafkaFailure` when the request fails, or the group's coordinator does not answer within 10 s.
  package func committed(_ partitions: [TopicPartition]) throws(KafkaFailure) -> [TopicPartition:
    CommittedOffset]
  {
    guard let handle, !partitions.isEmpty else { return [:] }
    return try committedOffsets(handle, partitions)
  }

  /// Stops fetching these partitions. Partitions that are not assigned or already paused are skipped.
  ///
  /// - Throws: `KafkaFailure` when librdkafka refuses.
  package func pause(_ partitions: Set<TopicPartition>) throws(KafkaFailure) {
    let list = partitions.intersection(assignment).subtracting(pausedPartitions)
    guard let handle, !list.isEmpty else { return }
    let bridged = PartitionList(Array(list))
    try check(.pause, unsafe rd_kafka_pause_partitions(handle.pointer, bridged.pointer))
    pausedPartitions.formUnion(list)
    unresumedPartitions.formUnion(list)
  }

  /// Fetches these partitions again. Partitions that are not paused are skipped, because resuming them
  /// would rewind them.
  ///
  /// - Throws: `KafkaFailure` when librdkafka refuses.
  package func resume(_ partitions: Set<TopicPartition>) throws(KafkaFailure) {
    let list = partitions.intersection(unresumedPartitions)
    guard let handle, !list.isEmpty else { return }
    let bridged = PartitionList(Array(list))
    try check(.resume, unsafe rd_kafka_resume_partitions(handle.pointer, bridged.pointer))
    pausedPartitions.subtract(list)
    unresumedPartitions.subtract(list)
  }

  /// The current end offsets, in one request per broker.
  ///
  /// - Throws: `KafkaFailure` when a partition has no answer within 5 s.
  package func ends(_ partitions: [TopicPartition]) throws(KafkaFailure) -> [TopicPartition: Int64] {
    guard let handle, !partitions.isEmpty else { return [:] }
    return try offsetsForTimes(handle, partitions.map { ($0, Int64(RD_KAFKA_OFFSET_END)) })
  }

  /// Reads assigned partitions from these offsets on.
  ///
  /// - Throws: `KafkaFailure` when the seek fails or is not done within 10 s.
  package func seek(_ offsets: [TopicPartition: Int64]) throws(KafkaFailure) {
    guard let handle, !offsets.isEmpty else { return }
    // librdkafka 2.0.2 waits a thousand times too short here, so the call is repeated after a timeout.
    try askAgain(for: .seconds(10)) { milliseconds throws(KafkaFailure) in
      let list = PartitionList(offsets.map { ($0.key, $0.value) })
      if let error = unsafe rd_kafka_seek_partitions(handle.pointer, list.pointer, milliseconds) {
        defer { unsafe rd_kafka_error_destroy(error) }
        throw failure(
          .seek, unsafe rd_kafka_error_code(error), unsafe String(cString: rd_kafka_error_string(error)))
      }
      try unsafe checkEach(.seek, list.pointer)
    }
  }

  /// The end offsets as of the last fetch, without a request. For lag gauges.
  package func cachedEnds() -> [TopicPartition: Int64] {
    guard let handle else { return [:] }
    var ends: [TopicPartition: Int64] = [:]
    for partition in assignment {
      var low: Int64 = 0
      var high: Int64 = 0
      let code = unsafe rd_kafka_get_watermark_offsets(
        handle.pointer, partition.topic, partition.partition, &low, &high)
      if code == RD_KAFKA_RESP_ERR_NO_ERROR, high >= 0 { ends[partition] = high }
    }
    return ends
  }

  /// Leaves the group. Blocks this actor's thread for at most 5 s, or 1 s when the task is cancelled. If it
  /// takes longer, it continues on another thread. If the coordinator is unreachable, the membership ends
  /// with the session timeout.
  package func close() {
    guard let handle else { return }
    isLeaving = true
    handle.leaveGroup()
    self.handle = nil
    assignment = []
    pausedPartitions = []
    unresumedPartitions = []
    pending = ConsumerPoll()
  }
}

/// librdkafka calls this on the polling thread, which is the thread of the consumer's executor.
private func rebalanced(
  _ pointer: OpaquePointer?, _ code: rd_kafka_resp_err_t,
  _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?, _ opaque: UnsafeMutableRawPointer?
) {
  guard let opaque = unsafe opaque else { return }
  let consumer = unsafe Unmanaged<KafkaConsumer>.fromOpaque(opaque).takeUnretainedValue()
  nonisolated(unsafe) let arguments = unsafe (list, pointer)
  consumer.assumeIsolated { unsafe $0.rebalance(code, arguments.0, arguments.1) }
}

// The functions below are shared with the admin client and the reader. Each call blocks, and notices the
// cancellation of its task within 3 s: a worker that must stop while its broker is away has to end within
// its grace period.

/// Commits next offsets.
///
/// - Throws: `KafkaFailure` of the commit or of any partition; `_TIMED_OUT` after 5 s.
func commitOffsets(_ handle: KafkaHandle, _ offsets: [TopicPartition: CommittedOffset]) throws(KafkaFailure) {
  let list = PartitionList()
  for (partition, offset) in offsets.sorted(by: { $0.key < $1.key }) {
    list.add(partition, offset: offset.nextOffset, metadata: offset.metadata)
  }
  // rd_kafka_commit() has no usable limit: it waits for the coordinator forever, and for 60 s for a broker
  // that accepts the connection but stays silent.
  let queue = unsafe rd_kafka_queue_new(handle.pointer)
  defer { unsafe rd_kafka_queue_destroy(queue) }
  try check(.commit, unsafe rd_kafka_commit_queue(handle.pointer, list.pointer, queue, nil, nil))
  let start = ContinuousClock.now
  while true {
    if let event = unsafe rd_kafka_queue_poll(queue, 100) {
      defer { unsafe rd_kafka_event_destroy(event) }
      guard unsafe rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT else { continue }
      try check(.commit, unsafe rd_kafka_event_error(event))
      try unsafe checkEach(.commit, rd_kafka_event_topic_partition_list(event))
      return
    }
    if ContinuousClock.now - start >= (Task.isCancelled ? .milliseconds(250) : .seconds(5)) {
      throw failure(.commit, RD_KAFKA_RESP_ERR__TIMED_OUT)
    }
  }
}

/// The group's committed offsets. Partitions without a commit are absent. Waits up to 10 s for a coordinator.
///
/// - Throws: `KafkaFailure` when the request fails or the limit has passed.
func committedOffsets(_ handle: KafkaHandle, _ partitions: [TopicPartition]) throws(KafkaFailure)
  -> [TopicPartition: CommittedOffset]
{
  try askAgain(for: .seconds(10)) { milliseconds throws(KafkaFailure) in
    let list = PartitionList(partitions)
    try check(.committed, unsafe rd_kafka_committed(handle.pointer, list.pointer, milliseconds))
    var result: [TopicPartition: CommittedOffset] = [:]
    for (partition, offset) in try list.elements(.committed)
    // Larger offsets are left out: no log gets that long, but any client may commit any number, and sums with an
    // offset must not overflow.
    where (0...(Int64(1) << 60)).contains(offset.nextOffset) {
      result[partition] = offset
    }
    return result
  }
}

/// Repeats a request after a transient error or a timeout, until the limit or until the task is cancelled.
///
/// - Parameter ask: receives the time that it may take, in milliseconds.
/// - Throws: the last `KafkaFailure`.
func askAgain<Result>(for limit: Duration, _ ask: (Int32) throws(KafkaFailure) -> Result)
  throws(KafkaFailure) -> Result
{
  let passing: [KafkaFailure.Code] = [.timedOut, .coordinatorMissing, .leaderMissing]
  let end = ContinuousClock.now + limit
  while true {
    do throws(KafkaFailure) {
      return try ask(Int32(clamping: min(.seconds(3), max(.milliseconds(1), end - .now)).milliseconds))
    } catch {
      guard passing.contains(error.code), !Task.isCancelled, ContinuousClock.now < end else { throw error }
      Thread.sleep(forTimeInterval: 0.1)
    }
  }
}
