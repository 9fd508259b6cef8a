import Records

/// A record that was read from a topic.
package struct ConsumerRecord: Sendable {
  package var position: RecordPosition
  /// Milliseconds since 1970 by the broker's clock (all our topics use LogAppendTime).
  package var timestampMilliseconds: Int64
  package var key: [UInt8]?
  /// Nil = a tombstone, which is data too.
  package var value: [UInt8]?
  package var headers: [RecordHeader]

  package init(
    position: RecordPosition, timestampMilliseconds: Int64, key: [UInt8]?, value: [UInt8]?,
    headers: [RecordHeader] = []
  ) {
    self.position = position
    self.timestampMilliseconds = timestampMilliseconds
    self.key = key
    self.value = value
    self.headers = headers
  }

  package var topicPartition: TopicPartition { TopicPartition(position.topic, position.partition) }
  package var nextOffset: Int64 { position.offset + 1 }

  /// The last header with this name, as text.
  package func header(_ name: String) -> String? {
    headers.last { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
  }
}
