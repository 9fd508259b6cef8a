import Answered
import Freshness
import Pools
import KafkaClient
import Records
import Retrieval
import Services
import Settings
import Stage
import Time

/// `rag.candidates` → `rag.prompts`, or straight to `rag.answers` where no engine is asked.
///
/// The candidates of a round are joined in the window: they stay in flight until the round's output is
/// acknowledged, and are finished in one step.
package final class RetrieveStage: WindowWork {
  private let context: StageContext
  private let freshness: FreshnessTail
  private let answered: AnsweredQueries
  private let rounds = Rounds()

  private init(_ context: StageContext, freshness: FreshnessTail, answered: AnsweredQueries) {
    self.context = context
    self.freshness = freshness
    self.answered = answered
  }

  /// The services of a retrieve worker, in start order.
  package static func services(_ context: StageContext) -> [any Service] {
    let gate = Gate(isOpen: false)
    let tail = FreshnessTail(context, opening: gate)
    let stage = RetrieveStage(context, freshness: tail, answered: AnsweredQueries(context))
    return [
      tail,
      AnswersFollower(context, stage.answered),
      WindowStage(
        context, group: ConsumerGroup.retrieve.name, topic: context.topic(.candidates),
        windowRecords: context.settings.retrieve.windowRecords, gate: gate, mayWork: { tail.isConfirmed },
        work: stage),
    ]
  }

  /// - Throws: `KafkaFailure`; `CancellationError`.
  package func assigned(_ partitions: [TopicPartition]) async throws {
    try await answered.readBack(partitions)
  }

  /// - Throws: `LeftToNextOwner` when the round is incomplete and the partition is no longer owned;
  ///   `KafkaFailure` when the output is not acknowledged; `CancellationError`.
  package func work(on record: ConsumerRecord, in flight: InFlight) async throws {
    let candidates: CandidatesRecord
    do {
      guard let value = record.value else { return }
      candidates = try CandidatesRecord(wireBytes: value)
    } catch {
      let fault = RecordError(code: .badRecord, field: "value", message: "\(error)")
      try await context.producer.send(context.deadLetter(record, fault, rule: "must be Candidates"))
      return
    }
    let query = candidates.flight
    guard !answered.contains(query.key) else { return }
    let now = WallClock.milliseconds
    let left = Duration.milliseconds(max(0, query.deadlineAtMilliseconds - now))
    do {
      try await rounds.gather(
        candidates, at: record.position, wait: query.waitMilliseconds, headers: record.passedHeaders,
        now: now,
        limit: min(context.settings.retrieve.wait, left / 2), mayCome: flight.isOwned
      ) { round in
        try await freshness.waitUntilConfirmed()
        // Candidates that are missing here may have gone to the partition's new owner, with these.
        guard round.gathering.isComplete || flight.isOwned() else { throw Rounds.Left() }
        // Another owner may have come to an end meanwhile, from before the partition moved.
        if !answered.contains(query.key) { try await finish(round) }
        flight.finishTogether(round.positions)
      }
    } catch is Rounds.Left {
      throw LeftToNextOwner()
    }
  }

  /// - Throws: `KafkaFailure` when the output is not acknowledged; `CancellationError`.
  package func refused(_ record: ConsumerRecord, _ fault: RecordError) async throws {
    if let value = record.value, let candidates = try? CandidatesRecord(wireBytes: value),
      !answered.contains(candidates.flight.key)
    {
      try await context.fail(candidates.flight, fault, headers: record.passedHeaders)
      answered.insert(candidates.flight.key)
      rounds.forget(candidates)
    }
    try await context.sendLetter(context.deadLetter(record, fault, rule: "must be smaller"))
  }

  private func finish(_ round: Rounds.Round) async throws {
    let watch = Stopwatch()
    guard let first = round.gathering.candidates.first, var flight = round.gathering.flight else { return }
    if flight.outcome == nil, flight.isExpired {
      context.metrics.increment(.expiredQueries, [("stage", context.name)])
      flight.outcome = .expired
    }
    if let outcome = flight.outcome {
      return try await answer(
        AnswerRecord(flight, status: outcome == .expired ? .expired : .cancelled), flight, round, watch)
    }
    let query = flight.query
    let askedAt = flight.deadlineAtMilliseconds - query.deadlineMilliseconds
    defer {
      context.metrics.observe(
        .retrievalDuration, seconds: max(0, Double(WallClock.milliseconds - askedAt) / 1000))
    }
    let topK = query.topK ?? context.settings.retrieve.topK
    var hits = Fusion.fuse(round.gathering.candidates, count: topK)
    // What expired since the scan is left out; searching again brings nothing new for it.
    hits.removeAll { $0.document.isExpired(at: WallClock.milliseconds) }
    let stale = hits.filter { freshness.table.isStale($0.document.key, $0.document.version) }
    if !stale.isEmpty {
      if first.round == 0 {
        try await context.producer.send(
          context.searchAgain(flight, model: first.model, vector: first.vector, headers: round.headers))
        return
      }
      hits.removeAll { freshness.table.isStale($0.document.key, $0.document.version) }
    }
    if round.gathering.shardsAnswered < round.gathering.shardsTotal {
      context.metrics.increment(.partialAnswers)
    }
    if query.mode == .retrieve || hits.isEmpty {
      var record = AnswerRecord(flight, status: query.mode == .retrieve ? .answered : .refused)
      record.engine = "retrieve"
      record.model = first.model
      record.staleOmitted = UInt32(stale.count)
      record.citations = hits.enumerated().map(Self.citation)
      if hits.isEmpty { record.text = "Nothing in the documents answers this question." }
      return try await answer(record, flight, round, watch)
    }
    try await sendPrompt(first, flight, hits, round, stale: stale.count, watch)
  }

  private func sendPrompt(
    _ first: CandidatesRecord, _ flight: QueryInFlight, _ hits: [Hit], _ round: Rounds.Round, stale: Int,
    _ watch: Stopwatch
  ) async throws {
    var prompt = PromptRecord(flight: flight.passedOn(stage: "retrieve", wait: round.wait, work: watch))
    prompt.round = first.round
    prompt.model = first.model
    prompt.vector = first.vector
    prompt.context = ContextAssembly.assemble(hits, tokenBudget: context.settings.retrieve.contextTokens)
    prompt.shardsAnswered = round.gathering.shardsAnswered
    prompt.shardsTotal = round.gathering.shardsTotal
    prompt.behind = round.gathering.behind
    prompt.staleOmitted = UInt32(stale)
    try await context.producer.send(
      context.queryRecord(.prompts, flight.key, prompt.wireBytes, headers: round.headers))
  }

  private func answer(
    _ record: AnswerRecord, _ flight: QueryInFlight, _ round: Rounds.Round, _ watch: Stopwatch
  )
    async throws
  {
    var record = record
    record.shardsAnswered = round.gathering.shardsAnswered
    record.shardsTotal = round.gathering.shardsTotal
    record.behind = round.gathering.behind
    record.timings = flight.passedOn(stage: "retrieve", wait: round.wait, work: watch).timings
    try await context.producer.send(
      context.answerRecords(record, replyTo: flight.query.replyTo, headers: round.headers))
    answered.insert(flight.key)
  }

  private static func citation(_ index: Int, _ hit: Hit) -> AnswerRecord.Citation {
    AnswerRecord.Citation(
      n: index + 1, documentID: hit.document.key.id, version: hit.document.version,
      chunkID: "\(hit.document.key)@\(hit.document.version)#\(hit.chunk.number)", title: hit.document.title,
      uri: hit.document.uri, start: hit.chunk.start, end: hit.chunk.end, quote: hit.chunk.text,
      score: Double(hit.denseScore))
  }
}
