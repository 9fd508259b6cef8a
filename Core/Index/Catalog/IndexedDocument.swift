import Records

/// One version of a document as an index shows it: all chunks with their vectors.
package struct IndexedDocument: Sendable {
  package var info: DocumentInfo
  package var set: SetID
  package var chunks: [Chunk]
  /// Row-major, one row for each chunk, each of unit length.
  package var vectors: [Float]

  package init(info: DocumentInfo, set: SetID, chunks: [Chunk], vectors: [Float]) {
    self.info = info
    self.set = set
    self.chunks = chunks
    self.vectors = vectors
  }
}
