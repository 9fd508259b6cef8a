import Catalog
import Records

/// A visible chunk that an index found for a query.
package struct IndexMatch: Sendable {
  /// A document that has the same text, and that the asker may read, too.
  package struct Copy: Sendable, Equatable {
    package var document: DocumentInfo
    package var chunk: UInt32
  }

  /// More copies are not named.
  package static let copiesMax = 8

  package var document: DocumentInfo
  package var set: SetID
  package var chunk: Chunk
  /// The cosine of the query's vector and the chunk's; 0 when vectors were not searched.
  package var score: Float
  /// The terms of the question that the chunk has: their places among `IndexAnswer.terms`, and their weighted
  /// frequencies in hundredths.
  package var counts: [(term: Int, frequency: UInt64)] = []
  /// The weighted length in hundredths of a term.
  package var length: UInt64 = 0
  /// The same for chunks with the same folded text.
  package var textHash: UInt64 = 0
  package var copies: [Copy] = []
}
