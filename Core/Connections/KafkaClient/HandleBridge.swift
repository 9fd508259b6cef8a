import BlockingExecutor
internal import CRdKafka
import Foundation
import Records

// Ownership: a conf is ours until rd_kafka_new succeeds; a polled message is destroyed in the scope that
// copied it; lists are destroyed by `defer`; an rd_kafka_error_t is destroyed by the helper that reads it.

/// librdkafka's constants; C enums of negative values come without names that Swift can switch over.
enum Code {
  static let partitionEOF = RD_KAFKA_RESP_ERR__PARTITION_EOF
  static let timedOut = RD_KAFKA_RESP_ERR__TIMED_OUT
  static let queueFull = RD_KAFKA_RESP_ERR__QUEUE_FULL
  static let fatal = RD_KAFKA_RESP_ERR__FATAL
}

func failure(_ call: String, _ code: rd_kafka_resp_err_t, _ detail: String = "") -> KafkaFailure {
  let name = unsafe String(cString: rd_kafka_err2name(code))
  let text = detail.isEmpty ? unsafe String(cString: rd_kafka_err2str(code)) : detail
  let kind: KafkaFailure.Kind =
    switch code {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR__INVALID_ARG, RD_KAFKA_RESP_ERR_INVALID_MSG,
      RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
      RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
      RD_KAFKA_RESP_ERR_INVALID_CONFIG, RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
      .rejected
    case RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, RD_KAFKA_RESP_ERR__AUTHENTICATION,
      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
      .fatal
    default: .retriable
    }
  return KafkaFailure(kind: kind, code: code.rawValue, name: name, call: call, detail: text)
}

func check(_ call: String, _ code: rd_kafka_resp_err_t) throws(KafkaFailure) {
  guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw failure(call, code) }
}

/// Owns one `rd_kafka_t`. Confined to the actor or thread that made it, except where a method says otherwise.
@safe final class KafkaHandle {
  let pointer: OpaquePointer
  private var isDestroyed = false
  /// Kept until the end: librdkafka forgets a topic that nobody holds.
  var warmTopics: [OpaquePointer] = unsafe []

  /// - Parameter opaque: handed to callbacks; must outlive the handle.
  init(
    _ type: rd_kafka_type_t, _ settings: [String: String], opaque: UnsafeMutableRawPointer? = nil,
    rebalance: (
      @convention(c) (
        OpaquePointer?, rd_kafka_resp_err_t, UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?,
        UnsafeMutableRawPointer?
      ) -> Void
    )? = nil,
    deliveryEvents: Bool = false
  ) throws(KafkaFailure) {
    let text = UnsafeMutablePointer<CChar>.allocate(capacity: 512)
    defer { unsafe text.deallocate() }
    guard let conf = unsafe rd_kafka_conf_new() else {
      throw failure("rd_kafka_conf_new", RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE)
    }
    for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
      guard unsafe rd_kafka_conf_set(conf, name, value, text, 512) == RD_KAFKA_CONF_OK else {
        unsafe rd_kafka_conf_destroy(conf)
        throw failure("rd_kafka_conf_set", RD_KAFKA_RESP_ERR__INVALID_ARG, unsafe String(cString: text))
      }
    }
    unsafe rd_kafka_conf_set_opaque(conf, opaque)
    if let rebalance = unsafe rebalance { unsafe rd_kafka_conf_set_rebalance_cb(conf, rebalance) }
    unsafe rd_kafka_conf_set_events(
      conf, deliveryEvents ? Int32(RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR) : Int32(RD_KAFKA_EVENT_ERROR))
    guard let pointer = unsafe rd_kafka_new(type, conf, text, 512) else {
      unsafe rd_kafka_conf_destroy(conf)
      throw failure("rd_kafka_new", RD_KAFKA_RESP_ERR__INVALID_ARG, unsafe String(cString: text))
    }
    unsafe self.pointer = pointer
  }

  /// Must be called before the last reference goes; blocks until librdkafka's threads ended.
  func destroy() { destroy(flags: 0) }

  private func destroy(flags: Int32) {
    guard !isDestroyed else { return }
    isDestroyed = true
    unsafe warmTopics.forEach { unsafe rd_kafka_topic_destroy($0) }
    unsafe rd_kafka_destroy_flags(pointer, flags)
  }

  /// Leaves the group, then destroys the handle. Blocks until that is done, but for 5 s at most, and for 1 s once the
  /// task is cancelled. No callback is called any more.
  func leaveGroup() {
    end(limit: .seconds(5)) {
      self.closeConsumer()
      self.destroy(flags: RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
    }
  }

  /// The same as `destroy()`, which waits for threads that may sit in the resolver of names; blocks no longer than the
  /// limit.
  func destroy(limit: Duration) { end(limit: limit) { self.destroy() } }

  /// Runs `body` on a thread of its own, which goes on by itself after the limit.
  private func end(limit: Duration, _ body: @escaping @Sendable () -> Void) {
    let done = DispatchSemaphore(value: 0)
    startBlockingThread(name: "kafka-end") {
      body()
      done.signal()
    }
    let start = ContinuousClock.now
    while done.wait(timeout: .now() + 0.1) == .timedOut {
      if ContinuousClock.now - start >= (Task.isCancelled ? min(limit, .seconds(1)) : limit) { return }
    }
  }

  private func closeConsumer() {
    let queue = unsafe rd_kafka_queue_new(pointer)
    defer { unsafe rd_kafka_queue_destroy(queue) }
    if let error = unsafe rd_kafka_consumer_close_queue(pointer, queue) {
      unsafe rd_kafka_error_destroy(error)
      return
    }
    while unsafe rd_kafka_consumer_closed(pointer) == 0 {
      guard let event = unsafe rd_kafka_queue_poll(queue, 100) else { continue }
      if unsafe rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE {
        unsafe rd_kafka_assign(pointer, nil)
      }
      unsafe rd_kafka_event_destroy(event)
    }
  }

  deinit { destroy() }
}

/// Copies a message; the caller destroys the original.
func copyRecord(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> ConsumerRecord {
  let m = unsafe message.pointee
  let topic = unsafe m.rkt.map { unsafe String(cString: rd_kafka_topic_name($0)) } ?? ""
  var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
  let timestamp = unsafe rd_kafka_message_timestamp(message, &type)
  var record = ConsumerRecord(
    position: RecordPosition(topic: topic, partition: unsafe m.partition, offset: unsafe m.offset),
    timestampMilliseconds: timestamp, key: unsafe copyBytes(m.key, m.key_len),
    value: unsafe copyBytes(m.payload, m.len))
  var headers: OpaquePointer?
  if unsafe rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR,
    let headers = unsafe headers
  {
    var index = 0
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var byteCount = 0
    while unsafe rd_kafka_header_get_all(headers, index, &name, &value, &byteCount)
      == RD_KAFKA_RESP_ERR_NO_ERROR
    {
      if let name = unsafe name {
        record.headers.append(
          RecordHeader(unsafe String(cString: name), unsafe copyBytes(value, byteCount) ?? []))
      }
      index += 1
    }
  }
  return record
}

private func copyBytes(_ start: UnsafeRawPointer?, _ count: Int) -> [UInt8]? {
  guard let start = unsafe start else { return nil }
  return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
}

/// A `rd_kafka_topic_partition_list_t` that is destroyed with this object.
@safe final class PartitionList {
  let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

  init(_ partitions: [(TopicPartition, Int64)] = []) {
    unsafe pointer = rd_kafka_topic_partition_list_new(Int32(partitions.count))
    for (partition, offset) in partitions { add(partition, offset: offset) }
  }

  convenience init(_ partitions: [TopicPartition]) {
    self.init(partitions.map { ($0, Int64(RD_KAFKA_OFFSET_INVALID)) })
  }

  func add(_ partition: TopicPartition, offset: Int64, metadata: String = "") {
    guard
      let element = unsafe rd_kafka_topic_partition_list_add(pointer, partition.topic, partition.partition)
    else { return }
    unsafe element.pointee.offset = offset
    guard !metadata.isEmpty else { return }
    // librdkafka frees the metadata with the list, by free().
    unsafe element.pointee.metadata = UnsafeMutableRawPointer(strdup(metadata))
    unsafe element.pointee.metadata_size = metadata.utf8.count
  }

  /// Every element with its offset and metadata.
  /// - Throws: the first element's error.
  func elements(_ call: String) throws(KafkaFailure) -> [(TopicPartition, CommittedOffset)] {
    try unsafe checkEach(call, pointer)
    var result: [(TopicPartition, CommittedOffset)] = []
    for index in 0..<Int(unsafe pointer.pointee.cnt) {
      let element = unsafe pointer.pointee.elems[index]
      let metadata = unsafe element.metadata.map {
        unsafe String(
          decoding: UnsafeRawBufferPointer(start: $0, count: element.metadata_size), as: UTF8.self)
      }
      result.append(
        (
          TopicPartition(unsafe String(cString: element.topic), unsafe element.partition),
          CommittedOffset(nextOffset: unsafe element.offset, metadata: metadata ?? "")
        ))
    }
    return result
  }

  deinit { unsafe rd_kafka_topic_partition_list_destroy(pointer) }
}

/// Throws the error of the first element that has one.
func checkEach(_ call: String, _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?)
  throws(KafkaFailure)
{
  guard let list = unsafe list else { return }
  for index in 0..<Int(unsafe list.pointee.cnt) { try check(call, unsafe list.pointee.elems[index].err) }
}

/// The partitions of a list that a callback was handed and does not own.
func partitions(of list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?) -> [TopicPartition] {
  guard let list = unsafe list else { return [] }
  return (0..<Int(unsafe list.pointee.cnt)).map { index in
    let element = unsafe list.pointee.elems[index]
    return TopicPartition(unsafe String(cString: element.topic), unsafe element.partition)
  }
}
