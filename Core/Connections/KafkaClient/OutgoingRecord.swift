import Records

/// A record to be produced.
package struct OutgoingRecord: Sendable {
  package var topic: String
  /// Nil = the partition is chosen by librdkafka's `murmur2_random` from the key.
  package var partition: Int32?
  package var key: [UInt8]?
  package var value: [UInt8]?
  package var headers: [RecordHeader]
  /// True for a copy: `send` neither waits for the record nor fails with it.
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

  /// An upper bound for the size of a batch that holds only this record.
  var bytesInBatch: Int {
    // The batch's header, the record's fixed fields, and lengths of at most five bytes.
    var count = 61 + 32 + (key?.count ?? 0) + (value?.count ?? 0)
    for header in headers { count += header.name.utf8.count + header.value.count + 10 }
    return count
  }
}
