import Analysis
import Records

/// What an index found for one query.
package struct IndexAnswer: Sendable {
  /// The chunks of both lists, each once.
  package var matches: [IndexMatch] = []
  /// The list by cosine, best first: positions in `matches`.
  package var dense: [Int] = []
  /// The list by BM25, best first: positions in `matches`.
  package var lexical: [Int] = []
  /// The question's terms, in its order.
  package var terms: [String] = []
  /// The question's terms that are identifiers.
  package var identifiers: Set<String> = []
  /// The statistics of all live rows of the tenant in this index.
  package var statistics = LexicalStatistics()
  /// The statistics that the list by BM25 was made with.
  package var weighed = LexicalStatistics()
  /// The number of live rows of the tenant in this index, by language.
  package var languages: [Language: UInt64] = [:]
  /// The languages in which the question was analysed.
  package var analysed: [Language] = []
  /// Whether chunks with the same text had different BM25 scores: with other weights another of them could be the best.
  package var hasUnequalCopies = false
  /// Whether the question has more terms than were searched for.
  package var isCut = false

  package init() {}
}
