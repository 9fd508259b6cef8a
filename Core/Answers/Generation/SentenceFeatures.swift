import Foundation
import Records
import Statements

/// The features from which the probability that a sentence answers a question is computed. They need no LLM.
package struct SentenceFeatures: Sendable {
  /// The names of the values, in their order.
  package static let names = [
    "cosine", "passage_cosine", "best_gap", "covered", "covered_alone", "names_missing", "bm25", "bm25_share",
    "dense_first", "lexical_first", "agree", "value_asked", "value_missing", "length", "heading_uncovered",
    "heading_value",
  ]

  /// In the order of `names`.
  package var values: [Double]

  /// The share of the question's words that the sentence has, with its headings.
  var covered: Double { values.count > 3 ? values[3] : 0 }

  /// The question, and those features of its context that are the same for all sentences.
  struct Frame {
    let focus: QuestionFocus
    let asked: AskedValue?
    private let bm25Best: Double
    private let agrees: Bool

    /// True if the passages have no BM25 scores: prompts of an earlier release don't contain them, and the search mode
    /// `dense` computes none.
    private let isWordless: Bool

    init(_ focus: QuestionFocus, _ query: QueryRecord, _ context: [ContextItem]) {
      self.focus = focus
      let question = query.text
      let isOld = context.allSatisfy {
        $0.cosine == 0 && $0.bm25 == 0 && $0.denseRank == 0 && $0.lexicalRank == 0
      }
      isWordless = isOld || query.searchMode == .dense
      asked = AskedValue(question)
      bm25Best = context.map { Self.finite($0.bm25) }.max() ?? 0
      agrees = context.contains { $0.denseRank == 1 && $0.lexicalRank == 1 }
    }

    /// A typical BM25 score of the data set squad2-dev, for passages without one.
    private static let usualBM25 = 8.0

    /// Replaces NaN and infinity, which a record may contain, with 0.
    private static func finite(_ value: Float) -> Double { value.isFinite ? Double(value) : 0 }

    /// - Parameters:
    ///   - cosine: the cosine of the sentence with the question.
    ///   - gap: `cosine` minus the highest cosine of another sentence; negative for all but the best.
    ///   - own: the sentence's terms.
    ///   - around: the terms of its headings, its title and its columns.
    ///   - namesMissing: the share of the question's names that the section lacks.
    func features(
      cosine: Double, gap: Double, own: [Term], around: [Term], namesMissing: Double, item: ContextItem,
      isHeading: Bool
    ) -> SentenceFeatures {
      let words = focus.words
      let alone = words.count { word in own.contains { Self.isSame($0, word) } }
      let both = words.count { word in
        own.contains { Self.isSame($0, word) } || around.contains { Self.isSame($0, word) }
      }
      let count = Double(max(1, words.count))
      let bm25 = isWordless ? Self.usualBM25 : Self.finite(item.bm25)
      let passage = item.cosine == 0 ? cosine : Self.finite(item.cosine)
      // The answer to "who" or "where" may contain no name: "the lead of the team", "the north hall".
      let isValueMissing = asked.map { $0 != .name && !$0.isHeld(by: own, besides: focus.words) } ?? false
      let holdsValue = asked.map { $0.isHeld(by: own, besides: focus.words) }
      return SentenceFeatures(values: [
        cosine, passage, min(0.3, max(-0.3, gap)), Double(both) / count,
        Double(alone) / count,
        namesMissing, log(1 + max(0, bm25)), isWordless ? 1 : bm25Best > 0 ? bm25 / bm25Best : 0,
        item.denseRank == 1 ? 1 : 0,
        item.lexicalRank == 1 ? 1 : 0, agrees ? 1 : 0, holdsValue == true ? 1 : 0,
        isValueMissing ? 1 : 0,
        min(1, Double(own.count) / 40), isHeading ? 1 - Double(alone) / count : 0,
        isHeading && holdsValue == true ? 1 : 0,
      ])
    }

    private static func isSame(_ a: Term, _ b: Term) -> Bool {
      a.form == b.form || a.bases.contains { b.bases.contains($0) }
    }
  }
}
