internal import CRdKafka
import Foundation
import Records

/// The main queue of a producer. `poll` returns as soon as a report arrives.
@safe final class EventQueue {
  private let pointer: OpaquePointer
  private let handle: KafkaHandle

  init(_ handle: KafkaHandle) {
    self.handle = handle
    unsafe pointer = rd_kafka_queue_get_main(handle.pointer)
  }

  deinit { unsafe rd_kafka_queue_destroy(pointer) }

  func poll(milliseconds: Int32) -> ProducerEvent {
    guard let event = unsafe rd_kafka_queue_poll(pointer, milliseconds) else { return .nothing }
    defer { unsafe rd_kafka_event_destroy(event) }
    switch unsafe rd_kafka_event_type(event) {
    case RD_KAFKA_EVENT_DR:
      var deliveries: [Delivery] = []
      while let message = unsafe rd_kafka_event_message_next(event) {
        deliveries.append(unsafe delivery(message))
      }
      return .deliveries(deliveries)
    case RD_KAFKA_EVENT_ERROR:
      guard unsafe rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__FATAL else { return .nothing }
      return .fatal(unsafe String(cString: rd_kafka_event_error_string(event)))
    default: return .nothing
    }
  }

  private func delivery(_ pointer: UnsafePointer<rd_kafka_message_t>) -> Delivery {
    let message = unsafe pointer.pointee
    let id = UInt(bitPattern: unsafe message._private)
    let code = unsafe message.err
    if code == RD_KAFKA_RESP_ERR_NO_ERROR {
      let topic = unsafe message.rkt.map { unsafe String(cString: rd_kafka_topic_name($0)) } ?? ""
      let position = RecordPosition(
        topic: topic, partition: unsafe message.partition, offset: unsafe message.offset)
      var kind = rd_kafka_timestamp_type_t(0)
      // The function reads fields behind the public struct, so it needs the original, not a copy.
      let time = unsafe rd_kafka_message_timestamp(pointer, &kind)
      return Delivery(
        id: id,
        result: .success(
          Acknowledgement(
            position: position, timestampMilliseconds: kind == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? time : 0)),
        mustRepeat: false)
    }
    let mustRepeat =
      switch code {
      case RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT,
        RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, RD_KAFKA_RESP_ERR__INCONSISTENT,
        RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID:
        true
      default: false
      }
    return Delivery(id: id, result: .failure(failure(.deliver, code)), mustRepeat: mustRepeat)
  }
}

// Polled only by the producer's event thread.
extension EventQueue: @unchecked Sendable {}

extension KafkaHandle {
  /// Hands a record to librdkafka, which copies it.
  ///
  /// - Parameter id: the delivery report returns it.
  /// - Returns: nil when librdkafka accepted the record.
  func produce(_ record: OutgoingRecord, id: UInt) -> KafkaFailure? {
    let topic = unsafe strdup(record.topic)
    defer { unsafe free(topic) }
    var fields: [rd_kafka_vu_t] = unsafe []
    func field(_ type: rd_kafka_vtype_t, _ fill: (inout rd_kafka_vu_t) -> Void) {
      var value = unsafe rd_kafka_vu_t()
      unsafe value.vtype = type
      unsafe fill(&value)
      unsafe fields.append(value)
    }
    unsafe field(RD_KAFKA_VTYPE_TOPIC) { unsafe $0.u.cstr = unsafe UnsafePointer(topic) }
    unsafe field(RD_KAFKA_VTYPE_PARTITION) { unsafe $0.u.i32 = record.partition ?? RD_KAFKA_PARTITION_UA }
    unsafe field(RD_KAFKA_VTYPE_MSGFLAGS) { unsafe $0.u.i = Int32(RD_KAFKA_MSG_F_COPY) }
    unsafe field(RD_KAFKA_VTYPE_OPAQUE) { unsafe $0.u.ptr = UnsafeMutableRawPointer(bitPattern: id) }
    var copies: [UnsafeMutableRawPointer] = unsafe []
    defer { unsafe copies.forEach { unsafe free($0) } }
    func copy(_ bytes: [UInt8]?) -> (UnsafeMutableRawPointer?, Int) {
      guard let bytes else { return (nil, 0) }
      // As any Swift array would do. A null value would be a tombstone.
      guard let memory = unsafe malloc(max(1, bytes.count)) else {
        preconditionFailure("no memory for \(bytes.count) bytes of a record")
      }
      unsafe memory.copyMemory(from: bytes, byteCount: bytes.count)
      unsafe copies.append(memory)
      return unsafe (memory, bytes.count)
    }
    let key = unsafe copy(record.key)
    unsafe field(RD_KAFKA_VTYPE_KEY) {
      unsafe $0.u.mem.ptr = unsafe key.0
      unsafe $0.u.mem.size = key.1
    }
    let value = unsafe copy(record.value)
    unsafe field(RD_KAFKA_VTYPE_VALUE) {
      unsafe $0.u.mem.ptr = unsafe value.0
      unsafe $0.u.mem.size = value.1
    }
    for header in record.headers {
      let name = unsafe strdup(header.name)
      if let name = unsafe name { unsafe copies.append(UnsafeMutableRawPointer(name)) }
      let content = unsafe copy(header.value)
      unsafe field(RD_KAFKA_VTYPE_HEADER) {
        unsafe $0.u.header.name = unsafe UnsafePointer(name)
        unsafe $0.u.header.val = unsafe UnsafeRawPointer(content.0)
        unsafe $0.u.header.size = content.1
      }
    }
    guard let error = unsafe rd_kafka_produceva(pointer, &fields, fields.count) else { return nil }
    defer { unsafe rd_kafka_error_destroy(error) }
    return failure(
      .produce, unsafe rd_kafka_error_code(error), unsafe String(cString: rd_kafka_error_string(error)))
  }

  /// Makes topics and their leaders known to librdkafka. Otherwise the first record waits up to a second
  /// for the next scan of unknown topics (in librdkafka before 2.10.1).
  ///
  /// Blocks for at most 5 s when no broker answers.
  func warmUp(_ topics: [String]) {
    for topic in topics {
      guard let handle = unsafe rd_kafka_topic_new(pointer, topic, nil) else { continue }
      unsafe warmTopics.append(handle)
      var metadata: UnsafePointer<rd_kafka_metadata>?
      let code = unsafe rd_kafka_metadata(pointer, 0, handle, &metadata, 5000)
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { return }
      unsafe rd_kafka_metadata_destroy(metadata)
    }
  }

  /// The number of records and delivery reports that librdkafka holds.
  var queuedCount: Int32 { unsafe rd_kafka_outq_len(pointer) }

  func purge() {
    unsafe _ = rd_kafka_purge(pointer, Int32(RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT))
  }
}
