import Answered
import Caching
import Encoder
import Freshness
import Generation
import HTTPClient
import KafkaClient
import Pools
import Records
import RedisClient
import Services
import Settings
import Stage
import Synchronization
import Time

/// `rag.prompts` → `rag.answers`: answers with citations, or refuses. The documents of an answer are checked
/// right before the answer is produced.
package final class GenerateStage: RecordWork {
  private let context: StageContext
  private let freshness: FreshnessTail
  private let log: QueryLog
  private let writer: AnswerWriter
  private let answerer: Answerer
  private let llmLog: LLMLog?
  private let limit: CallLimit
  private let cache: AnswerCache?
  private let stream: AnswerStream?
  /// A duplicate prompt waits for the first. If it finished earlier, its offset could be committed and a
  /// crash would lose both.
  private let turns = Turns<Work>()

  private struct Work: Hashable {
    var query: QueryKey
    var round: UInt32
  }

  /// The answer to one prompt, by the LLM or from quotes.
  private struct Draft {
    var answer: AnswerRecord
    var isWorthKeeping = false
    /// When the documents were last checked, in milliseconds since 1970. The age of a cached answer counts from then,
    /// however late the answer is stored.
    var madeAt: Int64 = 0
  }

  /// - Throws: `SettingsError` for an API key that can't be read.
  private init(
    _ context: StageContext, freshness: FreshnessTail, log: QueryLog, encoder: Encoder, redis: RedisClient?
  ) throws {
    self.context = context
    self.freshness = freshness
    self.log = log
    writer = AnswerWriter(context, log: log)
    let settings = context.settings
    limit = CallLimit(settings.llm.concurrencyMax)
    let chat = try settings.llm.url.map { url in
      ChatClient(HTTPClient(), try ChatClient.Options(settings.llm, url: url))
    }
    llmLog = chat.map { LLMLog(context.logger, $0) }
    answerer = Answerer(
      encoder: encoder, chat: chat, limit: limit, refusalScore: settings.generate.refusalScore,
      sentencesMax: settings.generate.sentencesMax,
      promptTokensMax: settings.llm.promptTokensMax)
    cache = AnswerCache(
      context, redis: redis, seal: try CacheSeal.named(in: context.settings), freshness: freshness,
      rulesVersion: Answerer.rulesVersion)
    stream = redis.map { AnswerStream(redis: $0, context: context) }
  }

  /// The services of a generate worker, in start order.
  ///
  /// - Throws: `SettingsError` for an API key that can't be read.
  package static func services(_ context: StageContext, encoder: Encoder, redis: RedisClient?) throws
    -> [any Service]
  {
    let gate = Gate(isOpen: false)
    let tail = FreshnessTail(context, opening: gate)
    let log = QueryLog(
      context, sources: [.answers],
      window: .milliseconds(QueryRecord.deadlineMaxMilliseconds) + QueryLog.margin * 2)
    let stage = try GenerateStage(context, freshness: tail, log: log, encoder: encoder, redis: redis)
    return [
      tail, log,
      StageService(
        context, group: context.group(.generate), topics: [context.topic(.prompts)],
        shape: .window(of: context.settings.generate.windowRecords), gate: gate,
        mayWork: { tail.isConfirmed },
        work: stage),
    ]
  }

  /// Gives this worker its share of the pool's calls to the LLM, which are divided among the partitions.
  ///
  /// - Throws: Nothing.
  package func assigned(_ partitions: [TopicPartition: CommittedOffset?]) async throws -> [TopicPartition:
    Int64]
  {
    log.follow(partitions.keys.map(\.partition))
    let total = Int(context.settings.partitionCount(.prompts))
    limit.set(context.settings.llm.concurrencyMax * partitions.count / max(1, total))
    return [:]
  }

  /// - Throws: `KafkaFailure` when the answered queries can't be read back; `CancellationError`.
  package func decide(_ item: RecordInWork) async throws -> Disposition {
    let record = item.record
    guard let value = record.value else { return .done([]) }
    let prompt: PromptRecord
    do {
      prompt = try PromptRecord(wireBytes: value)
    } catch {
      return Disposition(
        .rejected(FieldError(.badRecord, field: "value", value: "\(error)", rule: "must be a Prompt")))
    }
    let own = Work(query: prompt.flight.key, round: prompt.round)
    try await turns.take(own)
    do {
      if try await writer.isAnswered(prompt.flight) {
        turns.release(own)
        return .done([])
      }
      return try await answer(prompt, headers: record.passedHeaders) { self.turns.release(own) }
    } catch {
      turns.release(own)
      throw error
    }
  }

  /// The query's `failed` answer.
  ///
  /// - Throws: Nothing.
  package func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] {
    guard let value = record.value, let prompt = try? PromptRecord(wireBytes: value) else { return [] }
    return writer.failure(prompt.flight, RecordError(fault), headers: record.passedHeaders)
  }

  private func answer(
    _ prompt: PromptRecord, headers: [RecordHeader], release: @escaping @Sendable () -> Void
  ) async throws -> Disposition {
    let watch = Stopwatch()
    let wait = prompt.flight.waitMilliseconds
    let box = Box(try await ask(prompt))
    let facts = AnswerWriter.Facts(
      shardsAnswered: prompt.shardsAnswered, shardsTotal: prompt.shardsTotal, behind: prompt.behind)
    let phase = writer.phase(prompt.flight, facts: facts, headers: headers) {
      var checkedAt = WallClock.milliseconds
      try await self.freshness.waitUntilConfirmed()
      while !self.isFresh(box.draft.answer, prompt) {
        // In round 0 the query is sent to search again. In later rounds it is answered again without the documents that
        // have become stale meanwhile.
        if prompt.round == 0 {
          return .next(
            self.context.searchAgain(
              prompt.flight, round: 0, isCut: prompt.isCut, model: prompt.model, vector: prompt.vector,
              headers: headers),
            finishing: .finished(prompt.flight.key.bytes, round: 0))
        }
        box.draft = try await self.ask(prompt)
        checkedAt = WallClock.milliseconds
        try await self.freshness.waitUntilConfirmed()
      }
      if prompt.flight.isExpired, box.draft.answer.status != .expired {
        self.context.metrics.increment(.expiredQueries, [("stage", self.context.name)])
        box.draft = Draft(answer: AnswerRecord(prompt.flight, status: .expired))
      }
      var answer = box.draft.answer
      let now = WallClock.milliseconds
      for index in answer.citations.indices {
        answer.citations[index].alsoIn.removeAll {
          $0.isExpired(at: now) || self.freshness.table.isStale($0.document, $0.version)
        }
      }
      answer.staleOmitted = prompt.staleOmitted
      answer.isQuestionCut = prompt.isCut
      if prompt.round > 0 {
        let omitted = prompt.context.filter { !self.isUsable($0.document) }
        answer.staleOmitted &+= UInt32(clamping: Set(omitted.map(\.document.key)).count)
      }
      answer.timings = prompt.flight.passedOn(stage: "generate", wait: wait, work: watch).timings
      box.draft.answer = answer
      box.draft.madeAt = checkedAt
      answer.checkedAtMilliseconds = checkedAt
      return .answer(answer)
    }
    return Disposition(.done([phase])) { isFinished in
      release()
      let draft = box.draft
      guard isFinished, draft.isWorthKeeping else { return }
      await self.cache?.store(
        self.kept(draft.answer, prompt), for: prompt.flight.query, documents: prompt.context.map(\.document),
        madeAt: draft.madeAt)
    }
  }

  /// The answer as `AnswerWriter` wrote it, with what is known of the search.
  private func kept(_ answer: AnswerRecord, _ prompt: PromptRecord) -> AnswerRecord {
    var answer = answer
    answer.shardsAnswered = prompt.shardsAnswered
    answer.shardsTotal = prompt.shardsTotal
    answer.behind = prompt.behind
    return answer
  }

  private final class Box: Sendable {
    private let value: Mutex<Draft>
    init(_ draft: Draft) { value = Mutex(draft) }
    var draft: Draft {
      get { value.withLock { $0 } }
      set { value.withLock { $0 = newValue } }
    }
  }

  private func ask(_ prompt: PromptRecord) async throws -> Draft {
    if prompt.flight.isExpired {
      context.metrics.increment(.expiredQueries, [("stage", context.name)])
      return Draft(answer: AnswerRecord(prompt.flight, status: .expired))
    }
    let left = Duration.milliseconds(prompt.flight.deadlineAtMilliseconds - WallClock.milliseconds)
    let query = prompt.flight.query
    let outcome = try await answerer.answer(prompt, deadline: .now + left) { item in
      prompt.round == 0 || self.isUsable(item.document)
    } onSentence: { sentence, citation in
      // Stream a supported sentence only if its document is fresh now. The final record replaces all streamed
      // sentences.
      guard query.stream, let stream = self.stream, self.freshness.isConfirmed,
        !self.freshness.table.isStale(
          DocumentKey(tenant: query.tenant, id: citation.documentID), citation.version)
      else { return }
      await stream.publish(sentence, for: query)
    }
    measure(outcome)
    llmLog?.note(outcome)
    return Draft(answer: outcome.answer, isWorthKeeping: outcome.isWorthKeeping)
  }

  private func isUsable(_ document: DocumentInfo) -> Bool {
    !freshness.table.isStale(document.key, document.version)
      && !document.isExpired(at: WallClock.milliseconds)
  }

  private func measure(_ outcome: Answerer.Outcome) {
    let model = context.settings.llm.model
    let labels = [("gen_ai.operation.name", "chat"), ("gen_ai.request.model", model)]
    if let seconds = outcome.callSeconds {
      // Count failed calls too: without them, latency would look best when it is worst.
      let failure = outcome.llm == nil ? outcome.fallback.map { [("error.type", $0.rawValue)] } ?? [] : []
      context.metrics.observe(.modelDuration, seconds: seconds, labels + failure)
    }
    if let result = outcome.llm {
      if let first = result.firstTokenSeconds {
        context.metrics.observe(.timeToFirstToken, seconds: first, labels)
      }
      context.metrics.observe(
        .tokenUsage, tokens: result.usage.promptTokens, labels + [("gen_ai.token.type", "input")])
      context.metrics.observe(
        .tokenUsage, tokens: result.usage.completionTokens, labels + [("gen_ai.token.type", "output")])
    }
    for sentence in outcome.answer.explanation?.sentences ?? [] {
      context.metrics.increment(
        .answerSentences, [("verdict", sentence.verdict.rawValue), ("rule", sentence.rule ?? "same")])
    }
    if let refusal = outcome.answer.explanation?.refusal {
      context.metrics.increment(.refusals, [("reason", refusal.rawValue)])
    }
    if let fallback = outcome.fallback {
      context.metrics.increment(.generationFallbacks, [("reason", fallback.rawValue)])
    }
  }

  private func isFresh(_ answer: AnswerRecord, _ prompt: PromptRecord) -> Bool {
    let now = WallClock.milliseconds
    let expired = prompt.context.map(\.document).filter { $0.isExpired(at: now) }
    return answer.citations.allSatisfy { citation in
      !freshness.table.isStale(
        DocumentKey(tenant: prompt.flight.query.tenant, id: citation.documentID), citation.version)
        && !expired.contains { $0.key.id == citation.documentID && $0.version == citation.version }
    }
  }
}
