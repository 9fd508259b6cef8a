import Encoder
import Foundation
import Parsing
import Records

/// Answers a prompt: by the LLM with citations of ours, else by quoting, else not at all.
package struct Answerer: Sendable {
  package static let extractive = "extractive"
  package static let llm = "llm"
  static let refusal = "Nothing in the documents answers this question."

  /// What an answer took; nil parts where no LLM was asked.
  package struct Outcome: Sendable {
    package var answer: AnswerRecord
    package var llm: ChatClient.Result?
    /// Why the LLM's words were not used.
    package var fallback: Fallback?
  }

  package enum Fallback: String, Sendable {
    case unreachable, timeout, overloaded, refused, broken, unsupported

    /// Whether the LLM would do as badly again: then the quotes are worth keeping in a cache.
    package var isLasting: Bool { self == .unsupported }
  }

  private let encoder: Encoder
  private let known: SentenceVectors
  private let chat: ChatClient?
  private let extractive: ExtractiveAnswerer
  private let supportScore: Double
  private let promptTokensMax: Int

  package init(
    encoder: Encoder, chat: ChatClient?, refusalScore: Double, sentencesMax: Int, supportScore: Double,
    promptTokensMax: Int
  ) {
    self.encoder = encoder
    known = SentenceVectors(encoder)
    self.chat = chat
    self.supportScore = supportScore
    self.promptTokensMax = promptTokensMax
    extractive = ExtractiveAnswerer(refusalScore: refusalScore, sentencesMax: sentencesMax)
  }

  /// - Parameters:
  ///   - deadline: of the query.
  ///   - isUsable: false for documents that must not be quoted (they changed).
  ///   - onSentence: each supported sentence, with its citation, as soon as it is there.
  /// - Throws: `CancellationError` alone.
  package func answer(
    _ prompt: PromptRecord, deadline: ContinuousClock.Instant, isUsable: (ContextItem) -> Bool,
    onSentence: @Sendable (String, AnswerRecord.Citation) async -> Void
  ) async throws -> Outcome {
    let usable = prompt.context.filter(isUsable)
    let query = prompt.flight.query
    let context = await ContextSentences(
      usable, query: query, question: prompt.vector, known: known, dimension: encoder.dimension)
    let quoted = extractive.answer(query, context, model: encoder.modelID)
    guard quoted.status == .answered, let chat else { return Outcome(answer: quoted) }
    let chatPrompt = ChatPrompt(query, context, tokensMax: promptTokensMax, tokenizer: encoder.tokenizer)
    var draft = Draft(context, support: Support(scoreMin: supportScore))
    do {
      // What is left must do for the quotes, which are there already, should the LLM be late.
      let left = deadline - ContinuousClock.now
      let reserve = min(Duration.seconds(2), left / 5)
      let result = try await chat.answer(chatPrompt.messages, deadline: deadline - reserve) { text in
        for sentence in draft.feed(text) { await draft.align(sentence, encoder, onSentence) }
      }
      for sentence in draft.rest() { await draft.align(sentence, encoder, onSentence) }
      return outcome(draft, result, quoted, chat)
    } catch let failure as ChatClient.Failure {
      let reason = Fallback(rawValue: failure.reason.rawValue) ?? .broken
      return Outcome(answer: quoted, fallback: reason)
    }
  }

  /// What the LLM would be asked; for measuring it alone.
  package func messages(for prompt: PromptRecord) async -> [ChatMessage] {
    let context = await ContextSentences(
      prompt.context, query: prompt.flight.query, question: prompt.vector, known: known,
      dimension: encoder.dimension)
    return ChatPrompt(prompt.flight.query, context, tokensMax: promptTokensMax, tokenizer: encoder.tokenizer)
      .messages
  }

  private func outcome(
    _ draft: Draft, _ result: ChatClient.Result, _ quoted: AnswerRecord, _ chat: ChatClient
  ) -> Outcome {
    var answer = quoted
    answer.usage = result.usage
    if draft.isRefusal {
      answer.status = .refused
      answer.engine = Self.llm
      answer.citations = []
      answer.text = Self.refusal
    } else if draft.citations.isEmpty || draft.isBesideThePoint {
      return Outcome(answer: answer, llm: result, fallback: .unsupported)
    } else {
      answer.engine = Self.llm
      answer.citations = draft.citations
      answer.text = draft.sentences.joined(separator: " ")
    }
    answer.model = result.model.isEmpty ? chat.options.model : result.model
    return Outcome(answer: answer, llm: result)
  }
}

/// An LLM's answer while it comes: its sentences, and what supports each.
private struct Draft {
  private let context: ContextSentences
  private let support: Support
  /// Of the best sentence's cosine with the question.
  private static let relevanceShare = 0.75
  private static let bestShare = 0.9
  private let bestScore: Double
  private var text: [UInt8] = []
  private var done = 0
  private var numbers: [String: Int] = [:]
  private(set) var citations: [AnswerRecord.Citation] = []
  private(set) var sentences: [String] = []

  init(_ context: ContextSentences, support: Support) {
    self.context = context
    self.support = support
    bestScore = context.sentences.map(\.score).max() ?? 0
  }

  /// All that is supported comes from sentences that the question asks less for than for the best one: a small model
  /// copies what stands first. Quoting the best sentence is the better answer.
  var isBesideThePoint: Bool { !citations.contains { $0.score >= Self.bestShare * bestScore } }

  /// The model said that the documents hold no answer, and nothing that they support.
  var isRefusal: Bool {
    citations.isEmpty
      && String(decoding: text, as: UTF8.self).localizedCaseInsensitiveContains(ChatPrompt.noAnswer)
  }

  /// - Returns: the sentences that are complete now: all but the last, which may go on.
  mutating func feed(_ piece: String) -> [String] {
    // A line of its own is a sentence of its own: models repeat headings.
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

  mutating func align(
    _ sentence: String, _ encoder: Encoder,
    _ onSentence: @Sendable (String, AnswerRecord.Citation) async -> Void
  ) async {
    let folded = sentence.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    guard folded.contains(where: { $0.isLetter || $0.isNumber }),
      !sentences.contains(where: { $0.hasPrefix(folded) })
    else { return }
    // Copied word for word, as it was told to: no vector is needed.
    let copied = context.position(holding: folded)
    if let copied, context.sentences[copied].score >= Self.relevanceShare * bestScore {
      return await keep(folded, from: context.sentences[copied], onSentence)
    }
    let scores = context.scores(await encoder.encode([folded]))
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    for index in order {
      let source = context.sentences[index]
      // Supported, but beside the point: what the model says must come from what the question asks for.
      guard source.score >= Self.relevanceShare * bestScore else { continue }
      guard support.holds(folded, source: source.text, heading: source.heading, score: scores[index]) else {
        continue
      }
      return await keep(folded, from: source, onSentence)
    }
  }

  private mutating func keep(
    _ sentence: String, from source: ContextSentences.Sentence,
    _ onSentence: @Sendable (String, AnswerRecord.Citation) async -> Void
  ) async {
    let number = numbers[source.place] ?? citations.count + 1
    if numbers[source.place] == nil {
      numbers[source.place] = number
      citations.append(source.citation(number))
    }
    let marked = "\(sentence) [\(number)]"
    sentences.append(marked)
    await onSentence(marked, citations[number - 1])
  }
}
