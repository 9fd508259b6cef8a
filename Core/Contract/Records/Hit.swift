/// A chunk that a shard found.
package struct Hit: Sendable, Equatable {
  /// A term of the query in this chunk: its position in `LexicalCandidates.terms`, and its weighted frequency in
  /// hundredths.
  package struct Posting: Sendable, Equatable {
    package var term: UInt32
    package var frequency: UInt32
    package init(term: UInt32, frequency: UInt32) {
      self.term = term
      self.frequency = frequency
    }
  }

  /// The limit for `copies`; further ones are left out.
  package static let copiesMax = 8

  /// The document without what later stages don't need: `acl`, `metadata`, `source`, `language` and `reader` are empty.
  package var document: DocumentInfo
  /// The chunk; its `contentHash` is empty.
  package var chunk: Chunk
  /// The cosine between the query's vector and the chunk's.
  package var denseScore: Float
  package var postings: [Posting] = []
  /// The chunk's weighted length, in hundredths of a term.
  package var length: UInt32 = 0
  /// A hash of the chunk's text, the same for texts that differ only in case, compatibility forms and white space. 0
  /// when it is not known.
  package var textHash: UInt64 = 0
  /// Other documents with this text that the asker may read.
  package var copies: [TextCopy] = []

  package init(document: DocumentInfo, chunk: Chunk, denseScore: Float) {
    self.document = document
    self.chunk = chunk
    self.denseScore = denseScore
  }
}
