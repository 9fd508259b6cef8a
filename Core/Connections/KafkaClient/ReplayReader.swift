import BlockingExecutor
internal import CRdKafka
import Foundation
import Records
import Time

/// Reads assigned partitions from chosen offsets, without a group: replays and tails.
package actor ReplayReader {
  /// Where to start a partition.
  package enum Start: Sendable, Equatable {
    case beginning
    case end
    case offset(Int64)
    /// The first record at or after this time; the end when there is none.
    case time(milliseconds: Int64)
  }

  private let executor: BlockingExecutor
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  private let configuration: KafkaConfiguration
  private var handle: KafkaHandle?
  /// For questions about offsets: a broker answers the requests of one connection in their order, so on the reading
  /// handle they would wait behind its long poll, half a second.
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

  /// Replaces the assignment. Starts are resolved to offsets here, so that `positions` is exact from now on.
  package func assign(_ starts: [TopicPartition: Start]) throws(KafkaFailure) {
    if !positions.isEmpty {
      // librdkafka aborts the process when partitions are assigned again and let go again before it has let go of them
      // the first time (2.0.2, its issue 5573): one handle has one assignment.
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
      // Nothing is read on this handle yet: no question waits behind a long poll.
      for (partition, offset) in try offsetsForTimes(handle, queries) {
        if offset >= 0 { resolved[partition] = offset } else { missing.append(partition) }
      }
      if !missing.isEmpty {
        for (partition, end) in try offsetsForTimes(
          handle, missing.map { ($0, Int64(RD_KAFKA_OFFSET_END)) })
        {
          resolved[partition] = end
        }
      }
    }
    positions = resolved
    let list = PartitionList(resolved.map { ($0.key, $0.value) })
    try check("assign", unsafe rd_kafka_assign(handle.pointer, list.pointer))
  }

  /// The next records; an empty array after `maxWait` without any.
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
      } else if failure("poll", code).kind == .fatal {
        throw failure("poll", code)
      }
    }
    return records
  }

  /// The next offset to read of each partition. Ends of compacted topics may hold no record: the position
  /// also moves over gaps that librdkafka has passed.
  package func currentPositions() throws(KafkaFailure) -> [TopicPartition: Int64] {
    let handle = try opened()
    let list = PartitionList(Array(positions.keys))
    try check("position", unsafe rd_kafka_position(handle.pointer, list.pointer))
    for (partition, offset) in try list.elements("position") where offset.nextOffset >= 0 {
      positions[partition] = max(positions[partition] ?? 0, offset.nextOffset)
    }
    return positions
  }

  /// The end offset of each assigned partition, in one request to the broker.
  package func ends() throws(KafkaFailure) -> [TopicPartition: Int64] {
    try offsetsForTimes(try forQuestions(), positions.keys.map { ($0, Int64(RD_KAFKA_OFFSET_END)) })
  }

  /// Reads from the assigned starts to the ends as they are now.
  ///
  /// - Parameter body: takes the records in their order within each partition.
  package func readToEnd(limit: Duration, _ body: @Sendable ([ConsumerRecord]) throws -> Void) throws {
    let ends = try ends()
    let deadline = ContinuousClock.now + limit
    while try currentPositions().contains(where: { $0.value < ends[$0.key] ?? 0 }) {
      try Task.checkCancellation()
      try body(next(maxRecords: 1000, maxWait: .milliseconds(100)))
      if ContinuousClock.now > deadline { throw failure("read to the end", RD_KAFKA_RESP_ERR__TIMED_OUT) }
    }
  }

  package func close() {
    handle?.destroy(limit: .seconds(2))
    handle = nil
    questions?.destroy(limit: .seconds(2))
    questions = nil
  }
}

/// Offsets for times; `RD_KAFKA_OFFSET_BEGINNING` and `_END` ask for the ends. One request per broker.
///
/// A partition that is just made or just moved has no leader for a moment: that is waited out, for 5 s at most. Blocks.
func offsetsForTimes(_ handle: KafkaHandle, _ queries: [(TopicPartition, Int64)]) throws(KafkaFailure)
  -> [TopicPartition: Int64]
{
  guard !queries.isEmpty else { return [:] }
  return try askAgain(for: .seconds(5)) { milliseconds throws(KafkaFailure) in
    let list = PartitionList(queries)
    try check(
      "offsets_for_times", unsafe rd_kafka_offsets_for_times(handle.pointer, list.pointer, milliseconds))
    var result: [TopicPartition: Int64] = [:]
    for (partition, offset) in try list.elements("offsets_for_times") {
      result[partition] = offset.nextOffset
    }
    return result
  }
}
