import Records

/// A record to be produced.
package struct OutgoingRecord: Sendable {
  package var topic: String
  /// Nil = librdkafka's `murmur2_random` over the key.
  package var partition: Int32?
  package var key: [UInt8]?
  package var value: [UInt8]?
  package var headers: [RecordHeader]
  /// Sent once by the way: `send` neither waits for it nor fails with it.
  package var isCopy: Bool

  package init(
    topic: String, partition: Int32? = nil, key: [UInt8]?, value: [UInt8]?, headers: [RecordHeader] = [],
    isCopy: Bool = false
  ) {
    self.topic = topic
    self.partition = partition
    self.key = key
    self.value = value
    self.headers = headers
    self.isCopy = isCopy
  }

  /// At most what a batch with this record alone takes.
  var bytesInBatch: Int {
    // A batch's header, a record's fixed fields, and lengths of at most five bytes.
    var count = 61 + 32 + (key?.count ?? 0) + (value?.count ?? 0)
    for header in headers { count += header.name.utf8.count + header.value.count + 10 }
    return count
  }
}
