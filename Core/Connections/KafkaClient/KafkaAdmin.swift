import BlockingExecutor
internal import CRdKafka
import Foundation
import Records
import Time

/// Queries and changes the cluster, on a thread of its own.
package actor KafkaAdmin {
  private let executor = BlockingExecutor(name: "kafka-admin")
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  private let configuration: KafkaConfiguration
  private var handles: [String: KafkaHandle] = [:]

  package init(_ configuration: KafkaConfiguration) { self.configuration = configuration }

  private static let adminGroup = "millrace-admin"

  func handle(group: String = adminGroup) throws(KafkaFailure) -> KafkaHandle {
    if let handle = handles[group] { return handle }
    let handle = try unsafe KafkaHandle(RD_KAFKA_CONSUMER, configuration.consumer(group: group))
    unsafe rd_kafka_poll_set_consumer(handle.pointer)
    handles[group] = handle
    return handle
  }

  /// The partition counts of all topics. The call also serves to check whether a broker answers.
  ///
  /// - Throws: `KafkaFailure` when no broker answers within `timeout`.
  package func topics(timeout: Duration = .seconds(5)) throws(KafkaFailure) -> [String: Int32] {
    let handle = try handle()
    var metadata: UnsafePointer<rd_kafka_metadata>?
    try check(
      .metadata,
      unsafe rd_kafka_metadata(handle.pointer, 1, nil, &metadata, Int32(clamping: timeout.milliseconds)))
    guard let metadata = unsafe metadata else { return [:] }
    defer { unsafe rd_kafka_metadata_destroy(metadata) }
    var counts: [String: Int32] = [:]
    for index in 0..<Int(unsafe metadata.pointee.topic_cnt) {
      let topic = unsafe metadata.pointee.topics[index]
      if unsafe topic.err == RD_KAFKA_RESP_ERR_NO_ERROR {
        counts[unsafe String(cString: topic.topic)] = unsafe topic.partition_cnt
      }
    }
    return counts
  }

  /// The cluster's id; nil when no broker reports it within `timeout`.
  ///
  /// - Throws: `KafkaFailure` when the client can't be created.
  package func clusterID(timeout: Duration = .seconds(5)) throws(KafkaFailure) -> String? {
    let handle = try handle()
    guard let text = unsafe rd_kafka_clusterid(handle.pointer, Int32(clamping: timeout.milliseconds)) else {
      return nil
    }
    defer { unsafe rd_kafka_mem_free(handle.pointer, text) }
    return unsafe String(cString: text)
  }

  /// The number of brokers.
  ///
  /// - Throws: `KafkaFailure` when no broker answers within 5 s.
  package func brokerCount() throws(KafkaFailure) -> Int {
    let handle = try handle()
    var metadata: UnsafePointer<rd_kafka_metadata>?
    try check(.metadata, unsafe rd_kafka_metadata(handle.pointer, 0, nil, &metadata, 5000))
    guard let metadata = unsafe metadata else { return 0 }
    defer { unsafe rd_kafka_metadata_destroy(metadata) }
    return Int(unsafe metadata.pointee.broker_cnt)
  }

  /// Creates topics. A topic that already exists is not an error.
  ///
  /// - Returns: the names of the topics that were created.
  /// - Throws: `KafkaFailure` when a topic is refused, and when no broker answers within 60 s.
  package func create(_ plans: [TopicPlan]) throws(KafkaFailure) -> [String] {
    let handle = try handle()
    let text = UnsafeMutablePointer<CChar>.allocate(capacity: 512)
    defer { unsafe text.deallocate() }
    var topics: [OpaquePointer?] = unsafe []
    defer { unsafe topics.forEach { unsafe rd_kafka_NewTopic_destroy($0) } }
    for plan in plans {
      guard
        let topic = unsafe rd_kafka_NewTopic_new(
          plan.name, plan.partitionCount, plan.replicationFactor, text, 512)
      else { throw failure(.newTopic, RD_KAFKA_RESP_ERR__INVALID_ARG, unsafe String(cString: text)) }
      unsafe topics.append(topic)
      for (name, value) in plan.settings.sorted(by: { $0.key < $1.key }) {
        try check(.topicSetting, unsafe rd_kafka_NewTopic_set_config(topic, name, value))
      }
    }
    let queue = unsafe rd_kafka_queue_new(handle.pointer)
    defer { unsafe rd_kafka_queue_destroy(queue) }
    unsafe rd_kafka_CreateTopics(handle.pointer, &topics, topics.count, nil, queue)
    guard let event = unsafe rd_kafka_queue_poll(queue, 60_000) else {
      throw failure(.createTopics, RD_KAFKA_RESP_ERR__TIMED_OUT)
    }
    defer { unsafe rd_kafka_event_destroy(event) }
    try check(.createTopics, unsafe rd_kafka_event_error(event))
    var count = 0
    let results = unsafe rd_kafka_CreateTopics_result_topics(
      rd_kafka_event_CreateTopics_result(event), &count)
    var created: [String] = []
    for index in 0..<count {
      guard let result = unsafe results?[index] else { continue }
      let name = unsafe String(cString: rd_kafka_topic_result_name(result))
      switch unsafe rd_kafka_topic_result_error(result) {
      case RD_KAFKA_RESP_ERR_NO_ERROR: created.append(name)
      case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: break
      case let code:
        let reason =
          unsafe rd_kafka_topic_result_error_string(result).map { unsafe String(cString: $0) } ?? ""
        throw failure(.createTopics, code, "\(name): \(reason)")
      }
    }
    return created
  }

  /// Deletes a topic and all its records.
  ///
  /// - Throws: `KafkaFailure` when the topic can't be deleted or does not exist, or no broker answers within 30 s.
  package func delete(topic: String) throws(KafkaFailure) {
    let handle = try handle()
    var topics: [OpaquePointer?] = unsafe [rd_kafka_DeleteTopic_new(topic)]
    defer { unsafe topics.forEach { unsafe rd_kafka_DeleteTopic_destroy($0) } }
    let queue = unsafe rd_kafka_queue_new(handle.pointer)
    defer { unsafe rd_kafka_queue_destroy(queue) }
    unsafe rd_kafka_DeleteTopics(handle.pointer, &topics, 1, nil, queue)
    guard let event = unsafe rd_kafka_queue_poll(queue, 30_000) else {
      throw failure(.deleteTopics, RD_KAFKA_RESP_ERR__TIMED_OUT)
    }
    defer { unsafe rd_kafka_event_destroy(event) }
    try check(.deleteTopics, unsafe rd_kafka_event_error(event))
    var count = 0
    let results = unsafe rd_kafka_DeleteTopics_result_topics(
      rd_kafka_event_DeleteTopics_result(event), &count)
    for index in 0..<count {
      guard let result = unsafe results?[index] else { continue }
      let code = unsafe rd_kafka_topic_result_error(result)
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
        throw failure(
          .deleteTopics, code,
          unsafe rd_kafka_topic_result_error_string(result).map { unsafe String(cString: $0) } ?? topic)
      }
    }
  }

  /// End offsets, in one request per broker.
  ///
  /// - Throws: `KafkaFailure` when a partition has no answer within 5 s.
  package func ends(_ partitions: [TopicPartition]) throws(KafkaFailure) -> [TopicPartition: Int64] {
    try question(partitions.map { ($0, Int64(RD_KAFKA_OFFSET_END)) }, .seconds(5))
  }

  /// First offsets, in one request per broker. The limit is long because the topics may have just been created:
  /// on a busy machine Kafka needs time to elect all their leaders.
  ///
  /// - Throws: `KafkaFailure` when a partition has no answer within 30 s.
  package func beginnings(_ partitions: [TopicPartition]) throws(KafkaFailure) -> [TopicPartition: Int64] {
    try question(partitions.map { ($0, Int64(RD_KAFKA_OFFSET_BEGINNING)) }, .seconds(30))
  }

  /// The committed offsets of a group. Partitions without a commit are absent.
  ///
  /// - Throws: `KafkaFailure` when the group's coordinator does not answer within 10 s.
  package func committed(group: String, _ partitions: [TopicPartition]) throws(KafkaFailure)
    -> [TopicPartition: CommittedOffset]
  {
    try committedOffsets(try handle(group: group), partitions)
  }

  /// Commits next offsets for a group that has no members.
  ///
  /// - Throws: `KafkaFailure` when the commit fails, and after 5 s without an answer.
  package func commit(group: String, _ offsets: [TopicPartition: CommittedOffset]) throws(KafkaFailure) {
    guard !offsets.isEmpty else { return }
    try commitOffsets(try handle(group: group), offsets)
  }

  /// The number of records of each partition beyond the group's committed offset, or beyond the first
  /// offset if there is no commit.
  ///
  /// - Throws: `KafkaFailure` when the offsets can't be read.
  package func lag(group: String, _ partitions: [TopicPartition]) throws(KafkaFailure) -> [TopicPartition:
    Int64]
  {
    let committed = try committed(group: group, partitions)
    let beginnings = try beginnings(partitions.filter { committed[$0] == nil })
    var lag: [TopicPartition: Int64] = [:]
    for (partition, end) in try ends(partitions) {
      lag[partition] = max(0, end - (committed[partition]?.nextOffset ?? beginnings[partition] ?? 0))
    }
    return lag
  }

  /// Requests offsets. As in `ReplayReader`, a handle that gets no answer may be asking former leaders, so a new
  /// handle tries once more.
  func question(_ queries: [(TopicPartition, Int64)], _ limit: Duration) throws(KafkaFailure)
    -> [TopicPartition: Int64]
  {
    guard !queries.isEmpty else { return [:] }
    do {
      return try offsetsForTimes(try handle(), queries, limit: limit / 2)
    } catch {
      guard error.kind == .retriable, !Task.isCancelled else { throw error }
      handles.removeValue(forKey: Self.adminGroup)?.destroy(limit: .seconds(1))
      return try offsetsForTimes(try handle(), queries, limit: limit / 2)
    }
  }

  package func close() {
    for handle in handles.values { handle.destroy() }
    handles = [:]
  }
}
