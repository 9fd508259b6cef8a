import BlockingExecutor
internal import CRdKafka
import Foundation
import Records
import Time

/// Reads assigned partitions from chosen offsets, without a consumer group. For replays, and for following
/// a topic.
package actor ReplayReader {
  /// Where reading a partition begins.
  package enum Start: Sendable, Equatable {
    case beginning
    case end
    case offset(Int64)
    /// The first record at or after this time (since 1970); the end of the partition when there is none.
    case time(milliseconds: Int64)
  }

  private let executor: BlockingExecutor
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  private let configuration: KafkaConfiguration
  private var handle: KafkaHandle?
  /// A handle for offset requests. A broker answers the requests of a connection in order, so on the
  /// reading handle they would wait up to half a second behind its long poll.
  private var questions: KafkaHandle?
  private var positions: [TopicPartition: Int64] = [:]

  package init(_ configuration: KafkaConfiguration) {
    self.configuration = configuration
    executor = BlockingExecutor(name: "replay")
  }

  private func opened() throws(KafkaFailure) -> KafkaHandle {
    if let handle { return handle }
    let new = try unsafe KafkaHandle(RD_KAFKA_CONSUMER, configuration.consumer(group: "millrace-replay"))
    unsafe rd_kafka_poll_set_consumer(new.pointer)
    handle = new
    return new
  }

  private func forQuestions() throws(KafkaFailure) -> KafkaHandle {
    if let questions { return questions }
    let new = try unsafe KafkaHandle(RD_KAFKA_CONSUMER, configuration.consumer(group: "millrace-replay"))
    unsafe rd_kafka_poll_set_consumer(new.pointer)
    questions = new
    return new
  }

  /// Replaces the assignment. The starts are resolved to offsets here, so that the positions are exact from
  /// now on.
  ///
  /// - Throws: `KafkaFailure` when the offsets can't be read within 20 s or the assignment is refused.
  package func assign(_ starts: [TopicPartition: Start]) throws(KafkaFailure) {
    if !positions.isEmpty {
      // librdkafka 2.0.2 aborts the process when partitions are assigned and revoked again before the first
      // revocation is complete (its issue 5573). So each assignment gets a new handle.
      handle?.destroy(limit: .seconds(2))
      handle = nil
      positions = [:]
    }
    let handle = try opened()
    var resolved: [TopicPartition: Int64] = [:]
    var queries: [(TopicPartition, Int64)] = []
    for (partition, start) in starts {
      switch start {
      case .offset(let offset): resolved[partition] = offset
      case .beginning: queries.append((partition, Int64(RD_KAFKA_OFFSET_BEGINNING)))
      case .end: queries.append((partition, Int64(RD_KAFKA_OFFSET_END)))
      case .time(let milliseconds): queries.append((partition, milliseconds))
      }
    }
    if !queries.isEmpty {
      var missing: [TopicPartition] = []
      // This handle reads nothing yet, so its requests do not wait behind a long poll.
      for (partition, offset) in try offsets(handle, queries) {
        if offset >= 0 { resolved[partition] = offset } else { missing.append(partition) }
      }
      if !missing.isEmpty {
        for (partition, end) in try offsets(handle, missing.map { ($0, Int64(RD_KAFKA_OFFSET_END)) }) {
          resolved[partition] = end
        }
      }
    }
    positions = resolved
    let list = PartitionList(resolved.map { ($0.key, $0.value) })
    try check(.assign, unsafe rd_kafka_assign(handle.pointer, list.pointer))
  }

  /// Requests offsets for an assignment, twice: a machine that stalls for seconds must not fail a command.
  private func offsets(_ handle: KafkaHandle, _ queries: [(TopicPartition, Int64)]) throws(KafkaFailure)
    -> [TopicPartition: Int64]
  {
    do {
      return try offsetsForTimes(handle, queries)
    } catch {
      guard error.kind == .retriable, !Task.isCancelled else { throw error }
      return try offsetsForTimes(handle, queries)
    }
  }

  /// The next records; an empty array when none arrive within `maxWait`.
  ///
  /// - Throws: `KafkaFailure` of kind fatal. librdkafka itself retries transient errors.
  package func next(maxRecords: Int, maxWait: Duration) throws(KafkaFailure) -> [ConsumerRecord] {
    let handle = try opened()
    var records: [ConsumerRecord] = []
    var wait = Int32(clamping: maxWait.milliseconds)
    while records.count < maxRecords {
      guard let message = unsafe rd_kafka_consumer_poll(handle.pointer, wait) else { break }
      defer { unsafe rd_kafka_message_destroy(message) }
      let code = unsafe message.pointee.err
      if code == RD_KAFKA_RESP_ERR_NO_ERROR {
        let record = unsafe copyRecord(message)
        positions[record.topicPartition] = record.nextOffset
        records.append(record)
        wait = 0
      } else if failure(.poll, code).kind == .fatal {
        throw failure(.poll, code)
      }
    }
    return records
  }

  /// The next offset to read of each partition. The last offsets of a compacted topic may hold no record,
  /// so the position also moves over gaps that librdkafka has passed.
  ///
  /// - Throws: `KafkaFailure` when librdkafka reports an error for a partition.
  package func currentPositions() throws(KafkaFailure) -> [TopicPartition: Int64] {
    let handle = try opened()
    let list = PartitionList(Array(positions.keys))
    try check(.position, unsafe rd_kafka_position(handle.pointer, list.pointer))
    for (partition, offset) in try list.elements(.position) where offset.nextOffset >= 0 {
      positions[partition] = max(positions[partition] ?? 0, offset.nextOffset)
    }
    return positions
  }

  /// The end offset of each assigned partition, in one request per broker.
  ///
  /// - Throws: `KafkaFailure` when a partition has no answer within 5 s.
  package func ends() throws(KafkaFailure) -> [TopicPartition: Int64] {
    try ends(of: Array(positions.keys), limit: .seconds(5))
  }

  /// The end offsets of some partitions, in one request per broker.
  ///
  /// - Throws: `KafkaFailure` when a partition has no answer within the limit.
  package func ends(of partitions: [TopicPartition], limit: Duration) throws(KafkaFailure) -> [TopicPartition:
    Int64]
  {
    try question(partitions.map { ($0, Int64(RD_KAFKA_OFFSET_END)) }, limit)
  }

  /// The first offsets of some partitions, in one request per broker.
  ///
  /// - Throws: `KafkaFailure` when a partition has no answer within 5 s.
  package func beginnings(of partitions: [TopicPartition]) throws(KafkaFailure) -> [TopicPartition: Int64] {
    try question(partitions.map { ($0, Int64(RD_KAFKA_OFFSET_BEGINNING)) }, .seconds(5))
  }

  /// The offsets of the first records at or after a time (milliseconds since 1970). Where there is no such record,
  /// the end offset.
  ///
  /// - Throws: `KafkaFailure` when a partition has no answer within twice the limit.
  package func offsets(of partitions: [TopicPartition], at milliseconds: Int64, limit: Duration)
    throws(KafkaFailure)
    -> [TopicPartition: Int64]
  {
    let found = try question(partitions.map { ($0, milliseconds) }, limit)
    let missing = partitions.filter { found[$0] ?? -1 < 0 }
    return found.filter { $0.value >= 0 }.merging(try ends(of: missing, limit: limit)) { $1 }
  }

  /// Requests offsets. librdkafka 2.0.2 keeps asking the leaders that a handle once learned, even minutes after other
  /// brokers became leaders. So a handle that gets no answer is replaced by a new one.
  private func question(_ queries: [(TopicPartition, Int64)], _ limit: Duration) throws(KafkaFailure)
    -> [TopicPartition: Int64]
  {
    guard !queries.isEmpty else { return [:] }
    do {
      return try offsetsForTimes(try forQuestions(), queries, limit: limit / 2)
    } catch {
      guard error.kind == .retriable, !Task.isCancelled else { throw error }
      questions?.destroy(limit: .seconds(1))
      questions = nil
      return try offsetsForTimes(try forQuestions(), queries, limit: limit / 2)
    }
  }

  /// Reads from the assigned starts to the current end offsets.
  ///
  /// - Parameter body: receives the records, in order within each partition.
  /// - Throws: `KafkaFailure` when reading fails or takes longer than `limit`, `CancellationError`, and the
  ///   error that `body` throws.
  package func readToEnd(limit: Duration, _ body: @Sendable ([ConsumerRecord]) throws -> Void) throws {
    let ends = try ends()
    let deadline = ContinuousClock.now + limit
    while try currentPositions().contains(where: { $0.value < ends[$0.key] ?? 0 }) {
      try Task.checkCancellation()
      try body(next(maxRecords: 1000, maxWait: .milliseconds(100)))
      if ContinuousClock.now > deadline { throw failure(.readToEnd, RD_KAFKA_RESP_ERR__TIMED_OUT) }
    }
  }

  /// The largest distance between two wanted offsets for which the reader reads the records between them. Behind a
  /// larger gap it starts again with a new assignment. The number is small because a record may have megabytes.
  private static let gapMax: Int64 = 8

  /// Reads the records of a partition at the given offsets.
  ///
  /// - Returns: the records found before `limit`, and whether all offsets were looked at. Records are missing when
  ///   compaction or retention removed them, or when the log ends before them.
  /// - Throws: `KafkaFailure` when the partition can't be read or nothing was found before `limit`;
  ///   `CancellationError`.
  package func records(
    of partition: TopicPartition, at offsets: Set<Int64>, until limit: ContinuousClock.Instant
  ) throws
    -> (found: [Int64: ConsumerRecord], isWhole: Bool)
  {
    var found: [Int64: ConsumerRecord] = [:]
    var waiting = offsets.sorted()[...]
    let time = max(.milliseconds(100), limit - ContinuousClock.now)
    let beginning = try question([(partition, Int64(RD_KAFKA_OFFSET_BEGINNING))], time)[partition] ?? 0
    let end = try ends(of: [partition], limit: time)[partition] ?? 0
    while let first = waiting.popFirst() {
      var last = first
      while let next = waiting.first, next - last <= Self.gapMax {
        last = next
        waiting.removeFirst()
      }
      guard last >= beginning, first < end else { continue }
      try assign([partition: .offset(max(first, beginning))])
      while case let position = try currentPositions()[partition] ?? 0, position <= last, position < end {
        try Task.checkCancellation()
        if ContinuousClock.now > limit {
          // Nothing found in all this time is a failure of the broker, which the caller must count.
          if found.isEmpty { throw failure(.readToEnd, RD_KAFKA_RESP_ERR__TIMED_OUT) }
          return (found, false)
        }
        for record in try next(maxRecords: 16, maxWait: .milliseconds(100))
        where offsets.contains(record.position.offset) {
          found[record.position.offset] = record
        }
      }
    }
    return (found, true)
  }

  package func close() {
    handle?.destroy(limit: .seconds(2))
    handle = nil
    questions?.destroy(limit: .seconds(2))
    questions = nil
  }
}

/// Offsets for times, in one request per broker. `RD_KAFKA_OFFSET_BEGINNING` and `_END` request the first
/// and the end offset. Blocks.
///
/// A partition that has just been created or moved has no leader for a moment. The call waits for one
/// until the limit.
///
/// - Throws: `KafkaFailure` when the request fails or the limit has passed.
func offsetsForTimes(
  _ handle: KafkaHandle, _ queries: [(TopicPartition, Int64)], limit: Duration = .seconds(5)
) throws(KafkaFailure) -> [TopicPartition: Int64] {
  guard !queries.isEmpty else { return [:] }
  return try askAgain(for: limit) { milliseconds throws(KafkaFailure) in
    let list = PartitionList(queries)
    try check(
      .offsetsForTimes, unsafe rd_kafka_offsets_for_times(handle.pointer, list.pointer, milliseconds))
    var result: [TopicPartition: Int64] = [:]
    for (partition, offset) in try list.elements(.offsetsForTimes) {
      result[partition] = offset.nextOffset
    }
    return result
  }
}
