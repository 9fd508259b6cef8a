/// The sizes and counts of an index.
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
  /// The number of the newest manifest; 0 when there is none.
  package var manifest: Int
  package var savedMilliseconds: Int64
  package var segments: [Segment]
  package var tables: Int
  /// Rows that are in no segment yet, removed ones included.
  package var headRows: Int
  package var rows: Int
  package var documents: Int
  /// The estimated bytes in memory, without mapped files.
  package var memoryBytes: Int
  package var mappedBytes: Int
  /// Bytes written to segments and tables: `writtenBytes` with those of merges, `sealedBytes` without. Their ratio is
  /// the write amplification.
  package var writtenBytes: UInt64
  package var sealedBytes: UInt64
  package var live: LiveDigest
}
