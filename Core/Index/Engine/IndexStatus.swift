/// What an index is made of.
package struct IndexStatus: Sendable {
  package struct Segment: Sendable {
    package var name: String
    package var rows: Int
    package var liveRows: Int
    package var documents: Int
    package var removedDocuments: Int
    package var bytes: Int
    /// `bf16` or `fp32`.
    package var panels: String
  }

  package struct Partition: Sendable {
    package var nextOffset: Int64
    package var live: LiveDigest
  }

  package var partitions: [Int32: Partition] = [:]
  /// The number of the durable state; 0 when there is none.
  package var manifest: Int
  package var savedMilliseconds: Int64
  package var segments: [Segment]
  package var tables: Int
  /// Rows that are in memory only.
  package var headRows: Int
  package var rows: Int
  package var documents: Int
  /// Estimated, without what is mapped.
  package var memoryBytes: Int
  package var mappedBytes: Int
  /// Bytes written to segments and tables, with and without merges: their ratio is the write amplification.
  package var writtenBytes: UInt64
  package var sealedBytes: UInt64
  package var live: LiveDigest
}
