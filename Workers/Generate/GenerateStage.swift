import Encoder
import Freshness
import Generation
import KafkaClient
import Records
import Services
import Settings
import Stage
import Synchronization
import Telemetry

/// `rag.prompts` → `rag.answers`: answers with citations, or refuses. The documents of an answer are checked last
/// of all.
package final class GenerateStage: WindowWork {
  private let context: StageContext
  private let freshness: FreshnessTail
  private let answered: AnsweredQueries
  private let answerer: ExtractiveAnswerer
  /// Queries being answered now: a repeated prompt asks no engine again.
  private let working = Mutex<Set<String>>([])

  private init(_ context: StageContext, freshness: FreshnessTail, encoder: Encoder) {
    self.context = context
    self.freshness = freshness
    answered = AnsweredQueries(context)
    answerer = ExtractiveAnswerer(
      encoder: encoder, refusalScore: context.settings.generate.refusalScore,
      sentencesMax: context.settings.generate.sentencesMax)
  }

  /// The services of a generate worker, in start order.
  package static func services(_ context: StageContext, encoder: Encoder) -> [any Service] {
    let gate = Gate(isOpen: false)
    let tail = FreshnessTail(context, opening: gate)
    return [
      tail,
      WindowStage(
        context, group: GroupName.generate, topic: context.topic(.prompts),
        windowRecords: context.settings.generate.windowRecords, gate: gate, mayWork: { tail.isConfirmed },
        work: GenerateStage(context, freshness: tail, encoder: encoder)),
    ]
  }

  package func assigned(_ partitions: [TopicPartition]) async throws {
    try await answered.readBack(partitions)
  }

  package func work(on record: ConsumerRecord, finishTogether: @Sendable ([RecordPosition]) -> Void)
    async throws
  {
    let prompt: PromptRecord
    do {
      guard let value = record.value else { return }
      prompt = try PromptRecord(wireBytes: value)
    } catch {
      let fault = RecordError(code: "bad_record", field: "value", message: "\(error)")
      try await context.producer.send(context.deadLetter(record, fault, rule: "must be a Prompt"))
      return
    }
    let name = "\(prompt.flight.key)#\(prompt.round)"
    guard !answered.contains(prompt.flight.key), working.withLock({ $0.insert(name).inserted }) else {
      return
    }
    defer { working.withLock { _ = $0.remove(name) } }
    try await answer(prompt, headers: record.passedHeaders)
  }

  private func answer(_ prompt: PromptRecord, headers: [RecordHeader]) async throws {
    let watch = Stopwatch()
    let wait = prompt.flight.waitMilliseconds
    var answer: AnswerRecord
    if prompt.flight.isExpired {
      context.metrics.increment(.expiredQueries, [("stage", context.name)])
      answer = AnswerRecord(prompt.flight, status: .expired)
    } else {
      answer = await answerer.answer(prompt) { item in
        prompt.round == 0 || !self.freshness.table.isStale(item.document.key, item.document.version)
      }
      try await freshness.waitUntilConfirmed()
      guard isFresh(answer, prompt) else { return try await again(prompt, headers) }
    }
    answer.shardsAnswered = prompt.shardsAnswered
    answer.shardsTotal = prompt.shardsTotal
    answer.behind = prompt.behind
    answer.staleOmitted = prompt.staleOmitted
    answer.timings = prompt.flight.passedOn(stage: "generate", wait: wait, work: watch).timings
    try await context.producer.send(
      context.answerRecords(answer, replyTo: prompt.flight.query.replyTo, headers: headers))
    answered.insert(prompt.flight.key)
  }

  private func isFresh(_ answer: AnswerRecord, _ prompt: PromptRecord) -> Bool {
    answer.citations.allSatisfy { citation in
      !freshness.table.isStale(
        DocumentKey(tenant: prompt.flight.query.tenant, id: citation.documentID), citation.version)
    }
  }

  /// In round 0 the query is searched again, acknowledged before its record is finished; in round 1 it is answered
  /// once more without what has become stale meanwhile.
  private func again(_ prompt: PromptRecord, _ headers: [RecordHeader]) async throws {
    guard prompt.round == 0 else { return try await answer(prompt, headers: headers) }
    try await context.producer.send(
      context.searchAgain(prompt.flight, model: prompt.model, vector: prompt.vector, headers: headers))
  }
}
