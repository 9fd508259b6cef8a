internal import CRdKafka
import Records

/// The number of headers that are read of a record; further ones are ignored. A client may add any number, and each
/// takes far more memory here than on the wire. The headers that our own clients add are among the first.
private let headersMax = 64

/// Copies a message, with its first headers. The caller destroys the original.
func copyRecord(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> ConsumerRecord {
  let m = unsafe message.pointee
  let topic = unsafe m.rkt.map { unsafe String(cString: rd_kafka_topic_name($0)) } ?? ""
  var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
  let timestamp = unsafe rd_kafka_message_timestamp(message, &type)
  var record = ConsumerRecord(
    position: RecordPosition(topic: topic, partition: unsafe m.partition, offset: unsafe m.offset),
    // Where the topic does not use the broker's clock, a producer may write any number. The limits keep
    // differences of timestamps from overflowing.
    timestampMilliseconds: min(max(0, timestamp), 1 << 52), key: unsafe copyBytes(m.key, m.key_len),
    value: unsafe copyBytes(m.payload, m.len))
  var headers: OpaquePointer?
  if unsafe rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR,
    let headers = unsafe headers
  {
    var index = 0
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var byteCount = 0
    while index < headersMax,
      unsafe rd_kafka_header_get_all(headers, index, &name, &value, &byteCount)
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
