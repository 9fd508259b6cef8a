import Records
import Statements

/// Answers by quoting: the sentences of the context that are likeliest to answer the question, each with its citation.
struct ExtractiveAnswerer: Sendable {
  /// Sentences below this share of the best probability add noise, not support.
  private static let keepShare = 0.75
  /// A further sentence must have nearly as many of the question's words as the best one: this share of their number.
  private static let coveredShare = 0.8

  /// A sentence that has the question's identifiers needs only this share of `refusalScore`, because it can't be about
  /// another thing. No set of questions with known answers asks for identifiers, so the share is set by hand.
  private static let identifierShare = 0.15

  let refusalScore: Double
  let sentencesMax: Int

  /// - Returns: `answered` with citations, or `refused` when no sentence has the question's identifiers and is likely
  ///   enough to answer it.
  func answer(_ query: QueryRecord, _ context: ContextSentences, model: String) -> AnswerRecord {
    let chosen = choose(context)
    var answer = AnswerRecord(
      id: query.id.rawValue, tenant: query.tenant.rawValue, status: chosen.isEmpty ? .refused : .answered)
    answer.engine = Answerer.extractive
    answer.model = model
    answer.citations = chosen.enumerated().map { $1.citation($0 + 1) }
    answer.text =
      chosen.isEmpty
      ? AnswerRecord.refusalText
      : chosen.enumerated().map { "\(UntrustedText.forAnswer($1.shown)) [\($0 + 1)]" }.joined(separator: " ")
    answer.explanation = explanation(context, isRefused: chosen.isEmpty)
    return answer
  }

  private func explanation(_ context: ContextSentences, isRefused: Bool) -> AnswerExplanation {
    var explanation = AnswerExplanation()
    explanation.threshold = threshold(context)
    let best = context.ranking.first.map { context.sentences[$0] }
    if let best {
      explanation.probability = best.probability
      explanation.features = Array(zip(SentenceFeatures.names, best.features.values)).map { ($0, $1) }
    }
    guard isRefused else { return explanation }
    explanation.missing = context.missingIdentifiers
    explanation.refusal = best.map { $0.hasIdentifiers } ?? true ? .probability : .identifier
    return explanation
  }

  private func threshold(_ context: ContextSentences) -> Double {
    context.focus.identifiers.isEmpty ? refusalScore : refusalScore * Self.identifierShare
  }

  /// The sentences to quote, best first.
  func choose(_ context: ContextSentences) -> [ContextSentence] {
    let ranked = context.ranking.map { context.sentences[$0] }
    guard let best = ranked.first, best.hasIdentifiers, best.probability >= threshold(context) else {
      return []
    }
    var chosen: [ContextSentence] = []
    var seen: Set<String> = []
    for sentence in ranked
    where sentence.hasIdentifiers && sentence.probability >= best.probability * Self.keepShare
      && sentence.covered >= best.covered * Self.coveredShare
    {
      guard seen.insert(sentence.shown).inserted else { continue }
      chosen.append(sentence)
      if chosen.count == sentencesMax { break }
    }
    return chosen + contradictions(of: chosen, in: context)
  }

  /// The sentences of other documents that give another value for the same thing. Both are shown, each with its source.
  func contradictions(of shown: [ContextSentence], in context: ContextSentences) -> [ContextSentence] {
    context.ranking.map { context.sentences[$0] }.filter { other in
      other.hasIdentifiers
        && shown.contains { source in
          source.item.document.key != other.item.document.key
            && OtherValue.isGiven(by: other.source.own, for: source.source.own, asked: context.focus)
        } && !shown.contains { $0.place == other.place }
    }
  }
}
