import Catalog
import Records

/// A visible chunk that an index found for a query.
package struct IndexMatch: Sendable {
  /// Another document with a chunk of the same text that the query may find.
  package struct Copy: Sendable, Equatable {
    package var document: DocumentInfo
    package var chunk: UInt32
  }

  /// At most this many copies are listed.
  package static let copiesMax = 8

  package var document: DocumentInfo
  package var set: SetID
  package var chunk: Chunk
  /// The cosine of the query's vector and the chunk's; 0 when the query has no vector of the index's dimension.
  package var score: Float
  /// The terms of the question that the chunk has: their positions in `IndexAnswer.terms`, and their weighted
  /// frequencies in hundredths.
  package var counts: [(term: Int, frequency: UInt64)] = []
  /// The chunk's weighted length, in hundredths of a term.
  package var length: UInt64 = 0
  /// The hash of the chunk's folded text (`Lexicon.hash(of:)`).
  package var textHash: UInt64 = 0
  package var copies: [Copy] = []
}
