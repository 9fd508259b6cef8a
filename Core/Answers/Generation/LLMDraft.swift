import Foundation
import Parsing
import Records
import Statements

/// An LLM's answer while it arrives: its sentences, what became of each, and the sources that they cite.
struct LLMDraft {
  private let context: ContextSentences
  /// The sentences that would be quoted without an LLM. A sentence that differs from its source is only replaced if the
  /// source is one of these.
  private let quoted: [ContextSentence]
  /// The cosine that a source must have with the question, as a share of the best sentence's.
  private static let relevanceShare = 0.75
  /// The share of the best sentence's cosine that at least one cited source must reach.
  private static let bestShare = 0.9
  /// A sentence that differs from its source is only replaced if the source has at least this share of its terms.
  private static let likenessMin = 0.5
  /// A source must have nearly as many of the question's words as the likeliest sentence: this share of their number.
  private static let coveredShare = 0.8
  private let bestScore: Double
  private let bestCovered: Double
  private var text: [UInt8] = []
  private var done = 0
  private var numbers: [String: Int] = [:]
  private(set) var citations: [AnswerRecord.Citation] = []
  private(set) var sentences: [String] = []
  /// What became of each sentence.
  private(set) var verdicts: [AnswerExplanation.Sentence] = []

  init(_ context: ContextSentences, quoted: [ContextSentence]) {
    self.context = context
    self.quoted = quoted
    bestScore = context.sentences.filter(\.hasIdentifiers).map(\.score).max() ?? 0
    bestCovered = context.ranking.first.map { context.sentences[$0].covered } ?? 0
  }

  /// True if no cited source is nearly as close to the question as the best sentence. Small models copy the
  /// first sentences they see; a quote of the best sentence is then the better answer.
  var isBesideThePoint: Bool { !citations.contains { $0.score >= Self.bestShare * bestScore } }

  /// True if at least one sentence was kept in the LLM's own words.
  var hasOwnWords: Bool { verdicts.contains { $0.verdict == .kept } }

  /// True if the model said that the documents contain no answer, and none of its sentences was kept or replaced.
  var isRefusal: Bool {
    citations.isEmpty
      && String(decoding: text, as: UTF8.self).localizedCaseInsensitiveContains(ChatPrompt.noAnswer)
  }

  /// - Returns: the sentences that are complete now: all except the last one, which may continue.
  mutating func feed(_ piece: String) -> [String] {
    // The end of a line ends a sentence, because models repeat headings on their own lines.
    text += Array(piece.replacing("\n", with: "\n\n").utf8)
    let ranges = SentenceSplitter.sentences(in: text, done..<text.count)
    guard ranges.count > 1, let last = ranges.last else { return [] }
    done = last.lowerBound
    return ranges.dropLast().map { String(decoding: text[$0], as: UTF8.self) }
  }

  mutating func rest() -> [String] {
    defer { done = text.count }
    return SentenceSplitter.sentences(in: text, done..<text.count).map {
      String(decoding: text[$0], as: UTF8.self)
    }
  }

  /// Keeps a sentence that a source supports, replaces it with the source's own sentence, or drops it.
  mutating func align(
    _ sentence: String, _ onSentence: @Sendable (String, AnswerRecord.Citation) async -> Void
  ) async {
    let folded = Self.withoutMarks(sentence)
    guard folded.contains(where: { $0.isLetter || $0.isNumber }),
      verdicts.count < AnswerExplanation.sentencesMax
    else { return }
    let said = Statement(folded)
    let results = context.sentences.map { Support.of(said, by: $0.source) }
    let order = context.ranking
    // A source that is far from the question or about something else could support a sentence that answers nothing.
    if let index = order.first(where: { results[$0] == .same && isRelevant($0) }) {
      return await show(folded, context.sentences[index], .kept, nil, sentence: folded, onSentence)
    }
    if let index = order.first(where: { results[$0] == .piece && isRelevant($0) }) {
      let source = context.sentences[index]
      let left = Support.omission(said, of: source.source)
      return await show(
        source.shown, source, .replaced, (left.map(\.0.isSignal) ?? false ? left?.0 : .piece, left?.1 ?? []),
        sentence: folded, onSentence)
    }
    if results.contains(where: { $0 == .same || $0 == .piece }) {
      return drop(folded, .beside, [])
    }
    let nearest = context.sentences.indices.max { likeness(said, $0) < likeness(said, $1) }
    guard let nearest, case .differs(let rule, let words) = results[nearest] else {
      return drop(folded, .word, [])
    }
    let source = context.sentences[nearest]
    guard likeness(said, nearest) >= Self.likenessMin, quoted.contains(where: { $0.place == source.place })
    else {
      return drop(folded, rule, words)
    }
    await show(source.shown, source, .replaced, (rule, words), sentence: folded, onSentence)
  }

  /// Removes the model's own citation marks such as `[1]`, which don't refer to our citations, and folds white space.
  private static func withoutMarks(_ sentence: String) -> String {
    sentence.replacing(/\[\d+(?:,\s*\d+)*\]/, with: "").split(whereSeparator: \.isWhitespace).joined(
      separator: " ")
  }

  private func isRelevant(_ index: Int) -> Bool {
    let source = context.sentences[index]
    return source.hasIdentifiers && source.score >= Self.relevanceShare * bestScore
      && source.covered >= Self.coveredShare * bestCovered
  }

  /// The share of a sentence's terms that a source has.
  private func likeness(_ said: Statement, _ index: Int) -> Double {
    let known = context.sentences[index].source.own.terms
    guard !said.terms.isEmpty else { return 0 }
    return Double(said.terms.count { term in known.contains { $0.equals(term) } }) / Double(said.terms.count)
  }

  private mutating func drop(_ sentence: String, _ rule: SupportRule, _ words: [String]) {
    verdicts.append(.init(sentence, .dropped, rule: rule.rawValue, words: words, citation: nil))
  }

  private mutating func show(
    _ text: String, _ source: ContextSentence, _ verdict: AnswerExplanation.Verdict,
    _ difference: (SupportRule?, [String])?, sentence: String,
    _ onSentence: @Sendable (String, AnswerRecord.Citation) async -> Void
  ) async {
    let number = numbers[source.place] ?? citations.count + 1
    let isNew = numbers[source.place] == nil
    if isNew {
      numbers[source.place] = number
      citations.append(source.citation(number))
    }
    verdicts.append(
      .init(
        sentence, verdict, rule: difference?.0?.rawValue, words: difference?.1 ?? [], citation: number))
    // A source sentence is shown once, even if it supports several sentences of the model.
    guard isNew else { return }
    let marked = "\(UntrustedText.forAnswer(text)) [\(number)]"
    sentences.append(marked)
    await onSentence(marked, citations[number - 1])
  }

  /// Adds quotes that give another value for the same thing.
  mutating func add(_ others: [ContextSentence]) {
    for source in others where numbers[source.place] == nil {
      let number = citations.count + 1
      numbers[source.place] = number
      citations.append(source.citation(number))
      sentences.append("\(UntrustedText.forAnswer(source.shown)) [\(number)]")
    }
  }

  /// The sources that are cited.
  var cited: [ContextSentence] { context.sentences.filter { numbers[$0.place] != nil } }
}
