import Answered
import Caching
import Pools
import Encoder
import Freshness
import Generation
import HTTPClient
import KafkaClient
import Records
import RedisClient
import Services
import Settings
import Stage
import Time

/// `rag.prompts` → `rag.answers`: answers with citations, or refuses. The documents of an answer are checked
/// right before the answer is produced.
package final class GenerateStage: WindowWork {
  private let context: StageContext
  private let freshness: FreshnessTail
  private let answered: AnsweredQueries
  private let answerer: Answerer
  private let cache: AnswerCache?
  private let stream: AnswerStream?
  /// A duplicate prompt waits for the first. If it finished earlier, its offset could be committed and a
  /// crash would lose both.
  private let turns = Turns<Work>()

  private struct Work: Hashable {
    var query: QueryKey
    var round: UInt32
  }

  /// - Throws: `SettingsError` for an API key that can't be read.
  private init(_ context: StageContext, freshness: FreshnessTail, encoder: Encoder, redis: RedisClient?)
    throws
  {
    self.context = context
    self.freshness = freshness
    answered = AnsweredQueries(context)
    let settings = context.settings
    let chat = try settings.llm.url.map { url in
      ChatClient(
        HTTPClient(),
        ChatClient.Options(
          url: url, model: settings.llm.model, apiKey: try settings.llm.apiKey.read(),
          answerTokensMax: settings.llm.answerTokensMax, timeout: settings.llm.timeout))
    }
    answerer = Answerer(
      encoder: encoder, chat: chat, refusalScore: settings.generate.refusalScore,
      sentencesMax: settings.generate.sentencesMax, supportScore: settings.generate.supportScore,
      promptTokensMax: settings.llm.promptTokensMax)
    cache = AnswerCache(context, redis: redis, freshness: freshness, promptVersion: ChatPrompt.version)
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
    let stage = try GenerateStage(context, freshness: tail, encoder: encoder, redis: redis)
    return [
      tail,
      AnswersFollower(context, stage.answered),
      WindowStage(
        context, group: ConsumerGroup.generate.name, topic: context.topic(.prompts),
        windowRecords: context.settings.generate.windowRecords, gate: gate, mayWork: { tail.isConfirmed },
        work: stage),
    ]
  }

  /// - Throws: `KafkaFailure`; `CancellationError`.
  package func assigned(_ partitions: [TopicPartition]) async throws {
    try await answered.readBack(partitions)
  }

  /// - Throws: `KafkaFailure` when the output is not acknowledged; `CancellationError`.
  package func work(on record: ConsumerRecord, in flight: InFlight) async throws {
    let prompt: PromptRecord
    do {
      guard let value = record.value else { return }
      prompt = try PromptRecord(wireBytes: value)
    } catch {
      let fault = RecordError(code: .badRecord, field: "value", message: "\(error)")
      try await context.producer.send(context.deadLetter(record, fault, rule: "must be a Prompt"))
      return
    }
    let own = Work(query: prompt.flight.key, round: prompt.round)
    try await turns.take(own)
    defer { turns.release(own) }
    guard !answered.contains(own.query) else { return }
    try await answer(prompt, headers: record.passedHeaders)
  }

  /// - Throws: `KafkaFailure` when the output is not acknowledged; `CancellationError`.
  package func refused(_ record: ConsumerRecord, _ fault: RecordError) async throws {
    if let value = record.value, let prompt = try? PromptRecord(wireBytes: value),
      !answered.contains(prompt.flight.key)
    {
      try await context.fail(prompt.flight, fault, headers: record.passedHeaders)
      answered.insert(prompt.flight.key)
    }
    try await context.sendLetter(context.deadLetter(record, fault, rule: "must be smaller"))
  }

  private func answer(_ prompt: PromptRecord, headers: [RecordHeader]) async throws {
    let watch = Stopwatch()
    let wait = prompt.flight.waitMilliseconds
    let query = prompt.flight.query
    var answer: AnswerRecord
    var madeAt: Int64 = 0
    var isWorthKeeping = true
    if prompt.flight.isExpired {
      context.metrics.increment(.expiredQueries, [("stage", context.name)])
      answer = AnswerRecord(prompt.flight, status: .expired)
    } else {
      let outcome = try await ask(prompt)
      answer = outcome.answer
      isWorthKeeping = outcome.fallback?.isLasting ?? true
      // The age of a cached answer counts from the last check of its documents, however late it is stored.
      madeAt = WallClock.milliseconds
      try await freshness.waitUntilConfirmed()
      guard isFresh(answer, prompt) else { return try await again(prompt, headers) }
      if prompt.flight.isExpired {
        context.metrics.increment(.expiredQueries, [("stage", context.name)])
        answer = AnswerRecord(prompt.flight, status: .expired)
      }
    }
    answer.shardsAnswered = prompt.shardsAnswered
    answer.shardsTotal = prompt.shardsTotal
    answer.behind = prompt.behind
    answer.staleOmitted = prompt.staleOmitted
    if prompt.round > 0 {
      let omitted = prompt.context.filter { !isUsable($0.document) }
      answer.staleOmitted &+= UInt32(clamping: Set(omitted.map(\.document.key)).count)
    }
    answer.timings = prompt.flight.passedOn(stage: "generate", wait: wait, work: watch).timings
    // After a rebalance, another owner of the partition may have answered meanwhile.
    guard !answered.contains(prompt.flight.key) else { return }
    try await context.producer.send(
      context.answerRecords(answer, replyTo: query.replyTo, headers: headers))
    answered.insert(prompt.flight.key)
    guard isWorthKeeping else { return }
    await cache?.store(answer, for: query, documents: prompt.context.map(\.document), madeAt: madeAt)
  }

  private func ask(_ prompt: PromptRecord) async throws -> Answerer.Outcome {
    let left = Duration.milliseconds(prompt.flight.deadlineAtMilliseconds - WallClock.milliseconds)
    let query = prompt.flight.query
    let outcome = try await answerer.answer(prompt, deadline: .now + left) { item in
      prompt.round == 0 || self.isUsable(item.document)
    } onSentence: { sentence, citation in
      // A streamed sentence is supported, and its document fresh, at this moment. The record replaces it.
      guard query.stream, let stream = self.stream, self.freshness.isConfirmed,
        !self.freshness.table.isStale(
          DocumentKey(tenant: query.tenant, id: citation.documentID), citation.version)
      else { return }
      await stream.publish(sentence, for: query.key)
    }
    measure(outcome)
    return outcome
  }

  private func isUsable(_ document: DocumentInfo) -> Bool {
    !freshness.table.isStale(document.key, document.version)
      && !document.isExpired(at: WallClock.milliseconds)
  }

  private func measure(_ outcome: Answerer.Outcome) {
    let model = context.settings.llm.model
    let labels = [("gen_ai.operation.name", "chat"), ("gen_ai.request.model", model)]
    if let result = outcome.llm {
      context.metrics.observe(.modelDuration, seconds: result.seconds, labels)
      if let first = result.firstTokenSeconds {
        context.metrics.observe(.timeToFirstToken, seconds: first, labels)
      }
      context.metrics.observe(
        .tokenUsage, tokens: result.usage.promptTokens, labels + [("gen_ai.token.type", "input")])
      context.metrics.observe(
        .tokenUsage, tokens: result.usage.completionTokens, labels + [("gen_ai.token.type", "output")])
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

  /// In round 0 the query is sent to search again, and that is acknowledged before its prompt is finished. In
  /// round 1 it is answered again without the documents that have become stale meanwhile.
  private func again(_ prompt: PromptRecord, _ headers: [RecordHeader]) async throws {
    guard prompt.round == 0 else { return try await answer(prompt, headers: headers) }
    try await context.producer.send(
      context.searchAgain(prompt.flight, model: prompt.model, vector: prompt.vector, headers: headers))
  }
}
