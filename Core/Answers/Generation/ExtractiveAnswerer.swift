import Records

/// Answers by quoting: the sentences of the context that are nearest to the question, each with its citation.
struct ExtractiveAnswerer: Sendable {
  /// Sentences below this share of the best score add noise, not support.
  private static let keepShare = 0.85

  let refusalScore: Double
  let sentencesMax: Int

  /// - Returns: `answered` with citations, or `refused` when no sentence is near enough to the question.
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
      : chosen.enumerated().map { "\(UntrustedText.forAnswer($1.folded)) [\($0 + 1)]" }.joined(separator: " ")
    return answer
  }

  private func choose(_ context: ContextSentences) -> [ContextSentences.Sentence] {
    let ranked = context.ranking.map { context.sentences[$0] }
    guard let best = ranked.first, best.score >= refusalScore else { return [] }
    var chosen: [ContextSentences.Sentence] = []
    var seen: Set<String> = []
    for sentence in ranked where sentence.score >= best.score * Self.keepShare {
      guard seen.insert(sentence.folded).inserted else { continue }
      chosen.append(sentence)
      if chosen.count == sentencesMax { break }
    }
    return chosen
  }
}
