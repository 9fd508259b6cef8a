import Analysis
import Records

/// What an index found for one query.
package struct IndexAnswer: Sendable {
  /// The best of both lists, each once.
  package var matches: [IndexMatch] = []
  /// Places in `matches`, by cosine, best first.
  package var dense: [Int] = []
  /// Places in `matches`, by BM25, best first.
  package var lexical: [Int] = []
  /// The question's terms, in its order.
  package var terms: [String] = []
  /// Those of them that are identifiers.
  package var identifiers: Set<String> = []
  /// Of all live rows of the tenant here.
  package var statistics = LexicalStatistics()
  /// What the list by BM25 was made with.
  package var weighed = LexicalStatistics()
  /// Live rows of the tenant here, by language.
  package var languages: [Language: UInt64] = [:]
  /// The languages in which the question was analysed.
  package var analysed: [Language] = []
  /// Whether chunks with the same text had different BM25 scores: other weights could prefer another one.
  package var hasUnequalCopies = false
  /// Whether the question has more terms than were searched for.
  package var isCut = false

  package init() {}
}
