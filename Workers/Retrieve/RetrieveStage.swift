import Answered
import Freshness
import KafkaClient
import Pools
import Records
import Retrieval
import Services
import Settings
import Stage
import Synchronization
import Time

/// `rag.candidates` → `rag.prompts`, or straight to `rag.answers` where no engine is asked.
///
/// The candidates of a round are joined in the window: they stay in work until the round's output is
/// acknowledged, and are finished in one step.
package final class RetrieveStage: RecordWork {
  private let context: StageContext
  private let freshness: FreshnessTail
  private let log: QueryLog
  private let writer: AnswerWriter
  private let rounds = Rounds()

  private init(_ context: StageContext, freshness: FreshnessTail, log: QueryLog) {
    self.context = context
    self.freshness = freshness
    self.log = log
    writer = AnswerWriter(context, log: log)
  }

  /// The services of a retrieve worker, in start order.
  ///
  /// - Parameter memory: how far back answers are remembered. Older answers are read back when they are needed.
  package static func services(
    _ context: StageContext,
    memory: Duration = .milliseconds(QueryRecord.deadlineMaxMilliseconds) + QueryLog.margin * 2
  ) -> [any Service] {
    let gate = Gate(isOpen: false)
    let tail = FreshnessTail(context, opening: gate)
    // A round that is finished stays finished for every later owner of the partition.
    let log = QueryLog(
      context, sources: [.answers, .prompts, .searches],
      window: memory)
    let stage = RetrieveStage(context, freshness: tail, log: log)
    return [
      tail, log,
      StageService(
        context, group: context.group(.retrieve), topics: [context.topic(.candidates)],
        shape: .window(of: context.settings.retrieve.windowRecords), gate: gate,
        mayWork: { tail.isConfirmed },
        work: stage),
    ]
  }

  /// - Throws: Nothing.
  package func assigned(_ partitions: [TopicPartition: CommittedOffset?]) async throws -> [TopicPartition:
    Int64]
  {
    log.follow(partitions.keys.map(\.partition))
    return [:]
  }

  /// - Throws: `KafkaFailure` when the finished queries and rounds can't be read back; `CancellationError`.
  package func decide(_ item: RecordInWork) async throws -> Disposition {
    let record = item.record
    guard let value = record.value else { return .done([]) }
    let candidates: CandidatesRecord
    do {
      candidates = try CandidatesRecord(wireBytes: value)
    } catch {
      return Disposition(
        .rejected(FieldError(.badRecord, field: "value", value: "\(error)", rule: "must be Candidates")))
    }
    let query = candidates.flight
    if try await writer.isAnswered(query, round: candidates.round) { return .done([]) }
    let left = Duration.milliseconds(max(0, query.deadlineAtMilliseconds - WallClock.milliseconds))
    let gathered = try await rounds.gather(
      candidates, at: record.position, wait: query.waitMilliseconds, headers: record.passedHeaders,
      limit: min(context.settings.retrieve.wait, left / 2), mayCome: { item.isOwned })
    guard let round = gathered else { return .done([]) }
    // The missing candidates may have gone to the partition's new owner, which gets these again, too.
    guard round.gathering.isComplete || item.isOwned else {
      rounds.settle(round, isFinished: false)
      return Disposition(.left)
    }
    let flight = round.gathering.flight ?? query
    let facts = AnswerWriter.Facts(
      shardsAnswered: round.gathering.shardsAnswered, shardsTotal: round.gathering.shardsTotal,
      behind: round.gathering.behind)
    let phase = writer.phase(flight, round: candidates.round, facts: facts, headers: round.headers) {
      try await self.freshness.waitUntilConfirmed()
      return self.output(of: round, flight)
    }
    return Disposition(.done([phase]), together: round.positions) { isFinished in
      self.rounds.settle(round, isFinished: isFinished)
    }
  }

  /// The query's `failed` answer.
  ///
  /// - Throws: Nothing.
  package func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] {
    guard let value = record.value, let candidates = try? CandidatesRecord(wireBytes: value) else {
      return []
    }
    return writer.failure(candidates.flight, RecordError(fault), headers: record.passedHeaders)
  }

  /// Makes a prompt, a search of the next round, or an answer from a round. Stale documents are found here.
  private func output(of round: Rounds.Round, _ flight: QueryInFlight) -> AnswerWriter.Content {
    let watch = Stopwatch()
    var flight = flight
    if flight.outcome == nil, flight.isExpired {
      context.metrics.increment(.expiredQueries, [("stage", context.name)])
      flight.outcome = .expired
    }
    if let outcome = flight.outcome {
      return .answer(
        timed(AnswerRecord(flight, status: outcome == .expired ? .expired : .cancelled), flight, round, watch)
      )
    }
    guard let first = round.gathering.candidates.first, round.gathering.shardsAnswered > 0 else {
      var failed = AnswerRecord(flight, status: .failed)
      failed.error = RecordError(
        code: .tooLarge, field: "candidates",
        message:
          "candidates: none of \(round.gathering.shardsTotal) shards could send any: they are too large")
      return .answer(timed(failed, flight, round, watch))
    }
    let query = flight.query
    defer {
      context.metrics.observe(
        .retrievalDuration,
        seconds: max(0, Double(WallClock.milliseconds - flight.askedAtMilliseconds) / 1000))
    }
    let search = context.settings.search
    let topK = query.topK ?? context.settings.retrieve.topK
    let fusion = Fusion(search, query, count: topK)
    let fused = fusion.fuse(round.gathering.candidates, count: topK)
    var hits = fused.hits
    // Documents that expired after the scan are left out. Another search would not bring them back.
    hits.removeAll { $0.hit.document.isExpired(at: WallClock.milliseconds) }
    let stale = hits.filter { isStale($0.hit) }
    // A round 1 in which the shards shared their statistics may have been made for these, not for a changed document:
    // then a changed document may still cause another round.
    let isShared = round.gathering.candidates.contains { $0.words?.isShared ?? false }
    let mayTurn = first.round == 0 || first.round == 1 && isShared
    let missing = search.isExact && first.round == 0 ? fused.missing : nil
    if mayTurn && !stale.isEmpty || missing != nil {
      return .next(
        context.searchAgain(
          flight, round: first.round, isStale: !stale.isEmpty, statistics: fused.statistics,
          isCut: round.gathering.candidates.contains(where: \.isCut), model: first.model,
          vector: first.vector, headers: round.headers),
        finishing: .finished(flight.key.bytes, round: first.round))
    }
    hits.removeAll { isStale($0.hit) }
    for index in hits.indices {
      hits[index].hit.copies.removeAll {
        $0.isExpired(at: WallClock.milliseconds) || freshness.table.isStale($0.document, $0.version)
      }
    }
    if round.gathering.shardsAnswered < round.gathering.shardsTotal {
      context.metrics.increment(.partialAnswers)
    }
    guard query.mode == .retrieve || hits.isEmpty else {
      return .next(
        prompt(first, flight, hits, round, stale: stale.count, watch),
        finishing: .finished(flight.key.bytes, round: first.round))
    }
    var record = AnswerRecord(flight, status: query.mode == .retrieve ? .answered : .refused)
    record.engine = "retrieve"
    record.model = first.model
    record.staleOmitted = UInt32(stale.count)
    record.isQuestionCut = round.gathering.candidates.contains(where: \.isCut)
    record.citations = hits.enumerated().map(Self.citation)
    if hits.isEmpty { record.text = AnswerRecord.refusalText }
    return .answer(timed(record, flight, round, watch))
  }

  private func isStale(_ hit: Hit) -> Bool {
    freshness.table.isStale(hit.document.key, hit.document.version)
  }

  private func timed(
    _ record: AnswerRecord, _ flight: QueryInFlight, _ round: Rounds.Round, _ watch: Stopwatch
  ) -> AnswerRecord {
    var record = record
    record.timings = flight.passedOn(stage: "retrieve", wait: round.wait, work: watch).timings
    return record
  }

  private func prompt(
    _ first: CandidatesRecord, _ flight: QueryInFlight, _ hits: [Fusion.Fused], _ round: Rounds.Round,
    stale: Int,
    _ watch: Stopwatch
  ) -> OutgoingRecord {
    var prompt = PromptRecord(flight: flight.passedOn(stage: "retrieve", wait: round.wait, work: watch))
    prompt.round = first.round
    prompt.model = first.model
    prompt.vector = first.vector
    prompt.isCut = round.gathering.candidates.contains(where: \.isCut)
    prompt.context = ContextAssembly.assemble(hits, tokenBudget: context.settings.retrieve.contextTokens)
    prompt.shardsAnswered = round.gathering.shardsAnswered
    prompt.shardsTotal = round.gathering.shardsTotal
    prompt.behind = round.gathering.behind
    prompt.staleOmitted = UInt32(stale)
    return context.queryRecord(.prompts, flight.key, prompt.wireBytes, headers: round.headers)
  }

  private static func citation(_ index: Int, _ fused: Fusion.Fused) -> AnswerRecord.Citation {
    let hit = fused.hit
    var citation = AnswerRecord.Citation(
      n: index + 1, documentID: hit.document.key.id, version: hit.document.version,
      chunkID: "\(hit.document.key)@\(hit.document.version)#\(hit.chunk.number)", title: hit.document.title,
      uri: CitationURI.shown(hit.document.uri), start: hit.chunk.start, end: hit.chunk.end,
      quote: hit.chunk.text,
      score: fused.score)
    citation.context = hit.chunk.context
    citation.denseRank = fused.denseRank
    citation.lexicalRank = fused.lexicalRank
    citation.alsoIn = hit.copies.map { copy in
      var shown = copy
      shown.uri = CitationURI.shown(copy.uri)
      return shown
    }
    return citation
  }
}
