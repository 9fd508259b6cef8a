import Encoder
import Records
import Time

/// Answers a prompt with the LLM's supported sentences and their citations, else with quotes, else with a
/// refusal.
package struct Answerer: Sendable {
  package static let extractive = "extractive"
  package static let llm = "llm"
  /// Must be raised with every change to the prompt, the rules of support or the weights, so that answers that were
  /// cached under the earlier ones are no longer found.
  package static let rulesVersion = 4
  /// From this probability on, quotes are shown even if the LLM says that the documents contain no answer: small models
  /// say so too often, and a document can talk any model into it.
  private static let overrulingProbability = 0.6
  /// The LLM must finish this long before the query's deadline (or a fifth of the time left, if that is less), so that
  /// the quotes can still be sent if it is late.
  private static let reserve = Duration.seconds(2)

  /// An answer and how it was made.
  package struct Outcome: Sendable {
    package var answer: AnswerRecord
    /// The LLM's reply, also one that ended early; nil when no LLM was asked or the call failed.
    package var llm: ChatClient.Result?
    /// How long the call to the LLM took, also one that failed; nil when none was begun. Of a successful call, only the
    /// last attempt counts.
    package var callSeconds: Double?
    /// Why quotes were used in place of the LLM's text; nil in all other cases.
    package var fallback: Fallback?
    /// Why the call to the LLM failed; nil when it did not.
    package var failure: ChatFailure?

    /// True if the LLM's reply ended early: what it said before is used, but another call may say more.
    package var isCut: Bool { llm?.finish.isCut ?? false }

    /// False if another attempt at the question may give a better answer, so that this one must not be cached.
    package var isWorthKeeping: Bool { fallback?.isLasting ?? !isCut }
  }

  /// Why quotes were used in place of the LLM's text. The first five cases are the reasons of `ChatFailure`;
  /// `unsupported` means that the sources support no sentence of the text that answers the question.
  package enum Fallback: String, Sendable {
    case unreachable, timeout, overloaded, refused, broken, unsupported
    /// The reply ended early, and no sentence before its end could be used. For example, all its tokens were thoughts.
    case cut
    /// No call was begun, because it would probably not have ended before the deadline.
    case late

    /// True if another call would probably have the same result, so that the quotes are worth caching. They contain
    /// nothing of a reply that was cut off.
    package var isLasting: Bool { self == .unsupported || self == .cut }

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
  private let promptTokensMax: Int
  private let times = CallTimes()
  private let limit: CallLimit

  /// - Parameter limit: bounds the calls in flight.
  package init(
    encoder: Encoder, chat: ChatClient?, limit: CallLimit, refusalScore: Double, sentencesMax: Int,
    promptTokensMax: Int
  ) {
    self.encoder = encoder
    known = SentenceVectors(encoder)
    self.chat = chat
    self.limit = limit
    self.promptTokensMax = promptTokensMax
    extractive = ExtractiveAnswerer(refusalScore: refusalScore, sentencesMax: sentencesMax)
  }

  /// - Parameters:
  ///   - deadline: the query's deadline.
  ///   - isUsable: false for documents that must not be quoted because they have changed.
  ///   - onSentence: called with each sentence of the LLM's answer that is kept or replaced, and with its citation, as
  ///     soon as they are known.
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
    // A call that waits so long for a free slot that it would probably not end in time is not begun.
    let end = deadline - min(Self.reserve, (deadline - .now) / 5)
    guard times.hasChance(within: end - .now), try await limit.take(until: end - (times.usual() ?? .zero))
    else {
      return Outcome(answer: quoted, fallback: .late)
    }
    defer { limit.release() }
    let chatPrompt = ChatPrompt(query, context, tokensMax: promptTokensMax, tokenizer: encoder.tokenizer)
    let empty = LLMDraft(context, quoted: extractive.choose(context))
    var draft = empty
    let watch = Stopwatch()
    do {
      let result = try await chat.answer(chatPrompt.messages, deadline: end) { event in
        switch event {
        case .text(let text):
          for sentence in draft.feed(text) { await draft.align(sentence, onSentence) }
        case .restart: draft = empty
        }
      }
      // The last sentence of a reply that ended early may be incomplete even if it ends with a full stop: "version 3."
      if !result.finish.isCut {
        for sentence in draft.rest() { await draft.align(sentence, onSentence) }
      }
      times.add(.seconds(result.seconds))
      return outcome(draft, result, quoted, chat, context)
    } catch let failure as ChatFailure {
      if failure.reason == .timeout { times.add(.seconds(watch.seconds)) }
      return Outcome(
        answer: quoted, callSeconds: watch.seconds, fallback: Fallback(failure.reason), failure: failure)
    }
  }

  /// A sentence of a context with the features from which its probability is computed.
  package struct Judged: Sendable {
    package var text: String
    package var documentID: DocumentID
    package var hasIdentifiers: Bool
    /// In the order of `SentenceFeatures.names`.
    package var features: [Double]
  }

  /// The sentences that would be considered for an answer, with their features; for fitting the weights.
  package func judged(_ prompt: PromptRecord) async -> [Judged] {
    let context = await ContextSentences(
      prompt.context, query: prompt.flight.query, question: prompt.vector, known: known,
      dimension: encoder.dimension)
    return context.sentences.map {
      Judged(
        text: $0.shown, documentID: $0.item.document.key.id, hasIdentifiers: $0.hasIdentifiers,
        features: $0.features.values)
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
    _ draft: LLMDraft, _ result: ChatClient.Result, _ quoted: AnswerRecord, _ chat: ChatClient,
    _ context: ContextSentences
  ) -> Outcome {
    var draft = draft
    var answer = quoted
    answer.usage = result.usage
    answer.explanation?.sentences = draft.verdicts
    if draft.isRefusal, (quoted.explanation?.probability ?? 0) < Self.overrulingProbability {
      answer.status = .refused
      answer.engine = Self.llm
      answer.citations = []
      answer.text = AnswerRecord.refusalText
      answer.explanation?.refusal = .llm
    } else if draft.citations.isEmpty || draft.isBesideThePoint {
      return Outcome(
        answer: answer, llm: result, callSeconds: result.seconds,
        fallback: result.finish.isCut ? .cut : .unsupported)
    } else {
      // A text that consists only of the sources' own sentences counts as extractive, even if the LLM chose them.
      answer.engine = draft.hasOwnWords ? Self.llm : Self.extractive
      draft.add(extractive.contradictions(of: draft.cited, in: context))
      answer.citations = draft.citations
      answer.text = draft.sentences.joined(separator: " ")
    }
    answer.model = result.model.isEmpty ? chat.options.model : result.model
    return Outcome(answer: answer, llm: result, callSeconds: result.seconds)
  }
}
