import Records

/// A visible chunk and its vector.
package struct IndexRow: Sendable {
  package var document: DocumentInfo
  package var set: SetID
  package var chunk: Chunk
  package var vector: [Float]

  package init(document: DocumentInfo, set: SetID, chunk: Chunk, vector: [Float]) {
    self.document = document
    self.set = set
    self.chunk = chunk
    self.vector = vector
  }
}
