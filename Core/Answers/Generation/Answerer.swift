import Encoder
import Foundation
import Parsing
import Records
import Time

/// Answers a prompt with the LLM's supported sentences and their citations, else with quotes, else with a
/// refusal.
package struct Answerer: Sendable {
  package static let extractive = "extractive"
  package static let llm = "llm"
  /// The rest is the reserve to send the quotes, which are ready already, if the LLM is late.
  private static let reserve = Duration.seconds(2)

  /// An answer and how it was made.
  package struct Outcome: Sendable {
    package var answer: AnswerRecord
    /// nil when no LLM was asked or it gave no complete answer.
    package var llm: ChatClient.Result?
    /// How long the call to the LLM took, also one that failed; nil when none was begun.
    package var callSeconds: Double?
    /// Why quotes were used in place of the LLM's text; nil when they were not, or no LLM was asked.
    package var fallback: Fallback?
    /// Why the call to the LLM failed; nil when it did not.
    package var failure: ChatFailure?

    /// True if the LLM's reply ended early: what it said before is used, but another call may say more.
    package var isCut: Bool { llm?.finish.isCut ?? false }

    /// False if the same question may get a better answer at once, so that this one must not be cached.
    package var isWorthKeeping: Bool { !isCut && (fallback?.isLasting ?? true) }
  }

  /// Why quotes were used in place of the LLM's text: the request failed, or the text was `unsupported`.
  package enum Fallback: String, Sendable {
    case unreachable, timeout, overloaded, refused, broken, unsupported
    /// The reply ended early, and no supported sentence came before. For example, all its tokens were thoughts.
    case cut
    /// No call was begun: it had no fair chance to end before the deadline.
    case late

    /// True if the LLM would give the same text again, so that the quotes are worth caching.
    package var isLasting: Bool { self == .unsupported }

    init(_ reason: ChatFailure.Reason) {
      self =
        switch reason {
        case .unreachable: .unreachable
        case .timeout: .timeout
        case .overloaded: .overloaded
        case .refused: .refused
        case .broken: .broken
        }
    }
  }

  private let encoder: Encoder
  private let known: SentenceVectors
  private let chat: ChatClient?
  private let extractive: ExtractiveAnswerer
  private let supportScore: Double
  private let promptTokensMax: Int
  private let times = CallTimes()
  private let limit: CallLimit

  /// - Parameter limit: bounds the calls in flight.
  package init(
    encoder: Encoder, chat: ChatClient?, limit: CallLimit, refusalScore: Double, sentencesMax: Int,
    supportScore: Double,
    promptTokensMax: Int
  ) {
    self.encoder = encoder
    known = SentenceVectors(encoder)
    self.chat = chat
    self.limit = limit
    self.supportScore = supportScore
    self.promptTokensMax = promptTokensMax
    extractive = ExtractiveAnswerer(refusalScore: refusalScore, sentencesMax: sentencesMax)
  }

  /// - Parameters:
  ///   - deadline: the query's deadline.
  ///   - isUsable: false for documents that must not be quoted because they have changed.
  ///   - onSentence: called with each supported sentence and its citation, as soon as they are known.
  /// - Throws: Only `CancellationError`.
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
    // A call that waits for its place until it has no chance any more is not begun.
    let end = deadline - min(Self.reserve, (deadline - .now) / 5)
    guard times.hasChance(within: end - .now), try await limit.take(until: end - (times.usual() ?? .zero))
    else {
      return Outcome(answer: quoted, fallback: .late)
    }
    defer { limit.release() }
    let chatPrompt = ChatPrompt(query, context, tokensMax: promptTokensMax, tokenizer: encoder.tokenizer)
    let empty = Draft(context, support: Support(scoreMin: supportScore))
    var draft = empty
    let watch = Stopwatch()
    do {
      let result = try await chat.answer(chatPrompt.messages, deadline: end) { event in
        switch event {
        case .text(let text):
          for sentence in draft.feed(text) { await draft.align(sentence, encoder, onSentence) }
        case .restart: draft = empty
        }
      }
      // The last sentence of a reply that ended early may lack its end, also if it has a full stop: "version 3."
      if !result.finish.isCut {
        for sentence in draft.rest() { await draft.align(sentence, encoder, onSentence) }
      }
      times.add(.seconds(result.seconds))
      return outcome(draft, result, quoted, chat)
    } catch let failure as ChatFailure {
      if failure.reason == .timeout { times.add(.seconds(watch.seconds)) }
      return Outcome(
        answer: quoted, callSeconds: watch.seconds, fallback: Fallback(failure.reason), failure: failure)
    }
  }

  /// The messages that the LLM would get; for measuring the LLM alone.
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
      answer.text = AnswerRecord.refusalText
    } else if draft.citations.isEmpty || draft.isBesideThePoint {
      return Outcome(
        answer: answer, llm: result, callSeconds: result.seconds,
        fallback: result.finish.isCut ? .cut : .unsupported)
    } else {
      answer.engine = Self.llm
      answer.citations = draft.citations
      answer.text = draft.sentences.joined(separator: " ")
    }
    answer.model = result.model.isEmpty ? chat.options.model : result.model
    return Outcome(answer: answer, llm: result, callSeconds: result.seconds)
  }
}

/// An LLM's answer while it arrives: its sentences, and the source that supports each.
private struct Draft {
  private let context: ContextSentences
  private let support: Support
  /// The cosine that a source must have with the question, as a share of the best sentence's.
  private static let relevanceShare = 0.75
  /// The share that at least one cited source must reach.
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

  /// True if no cited source is nearly as close to the question as the best sentence. Small models copy the
  /// first sentences they see; a quote of the best sentence is then the better answer.
  var isBesideThePoint: Bool { !citations.contains { $0.score >= Self.bestShare * bestScore } }

  /// True if the model said that the documents hold no answer, and gave no supported sentence.
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

  mutating func align(
    _ sentence: String, _ encoder: Encoder,
    _ onSentence: @Sendable (String, AnswerRecord.Citation) async -> Void
  ) async {
    let folded = sentence.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    guard folded.contains(where: { $0.isLetter || $0.isNumber }),
      !sentences.contains(where: { $0.hasPrefix(folded) })
    else { return }
    // A sentence that the model copied word for word, as the prompt demands, needs no vector.
    let copied = context.position(holding: folded)
    if let copied, context.sentences[copied].score >= Self.relevanceShare * bestScore {
      return await keep(folded, from: context.sentences[copied], onSentence)
    }
    let scores = context.scores(await encoder.encode([folded]))
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    for index in order {
      let source = context.sentences[index]
      // A source that is far from the question can support a sentence that does not answer it.
      guard source.score >= Self.relevanceShare * bestScore else { continue }
      guard
        support.holds(
          folded, source: source.text, heading: "\(source.heading) \(source.context)", score: scores[index])
      else {
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
    let marked = "\(UntrustedText.forAnswer(sentence)) [\(number)]"
    sentences.append(marked)
    await onSentence(marked, citations[number - 1])
  }
}
