/// Where a record lies; written `topic-partition-offset` in headers and as the id of what has none.
package struct RecordPosition: Sendable, Hashable, CustomStringConvertible {
  package var topic: String
  package var partition: Int32
  package var offset: Int64

  package init(topic: String, partition: Int32, offset: Int64) {
    self.topic = topic
    self.partition = partition
    self.offset = offset
  }

  package var description: String { "\(topic)-\(partition)-\(offset)" }
}
