/// A chunk that a shard found.
package struct Hit: Sendable, Equatable {
  /// A term of the query in this chunk: its position in `CandidatesRecord.terms`, and how often it occurs.
  package struct Posting: Sendable, Equatable {
    package var term: UInt32
    package var frequency: UInt32
    package init(term: UInt32, frequency: UInt32) {
      self.term = term
      self.frequency = frequency
    }
  }

  package var document: DocumentInfo
  package var digest: [UInt8]
  package var chunk: Chunk
  package var denseScore: Float
  package var postings: [Posting] = []
  package var length: UInt32 = 0

  package init(document: DocumentInfo, digest: [UInt8], chunk: Chunk, denseScore: Float) {
    self.document = document
    self.digest = digest
    self.chunk = chunk
    self.denseScore = denseScore
  }
}
