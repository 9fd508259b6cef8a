/// A committed offset: the offset of the next record to read, with metadata of at most 4,096 bytes.
package struct CommittedOffset: Sendable, Equatable {
  package var nextOffset: Int64
  package var metadata: String

  package init(nextOffset: Int64, metadata: String = "") {
    self.nextOffset = nextOffset
    self.metadata = metadata
  }
}
