/// The position of a record. Its text, `topic-partition-offset`, is used in headers and as the id of a
/// record without a readable id.
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
