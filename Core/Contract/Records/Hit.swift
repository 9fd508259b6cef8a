/// A chunk that a shard found.
package struct Hit: Sendable, Equatable {
  /// A term of the query in this chunk: its position in `CandidatesRecord.terms`, and its weighted frequency in
  /// hundredths.
  package struct Posting: Sendable, Equatable {
    package var term: UInt32
    package var frequency: UInt32
    package init(term: UInt32, frequency: UInt32) {
      self.term = term
      self.frequency = frequency
    }
  }

  /// More copies are not named.
  package static let copiesMax = 8

  /// Without what only the search needs: list of readers, metadata, source, language, reader.
  package var document: DocumentInfo
  /// Without its content hash.
  package var chunk: Chunk
  /// The cosine of the query's vector and the chunk's.
  package var denseScore: Float
  package var postings: [Posting] = []
  /// The chunk's weighted length, in hundredths of a term.
  package var length: UInt32 = 0
  /// The same for chunks with the same folded text; 0 when it is not known.
  package var textHash: UInt64 = 0
  /// Other documents with this text that the asker may read.
  package var copies: [TextCopy] = []

  package init(document: DocumentInfo, chunk: Chunk, denseScore: Float) {
    self.document = document
    self.chunk = chunk
    self.denseScore = denseScore
  }
}
