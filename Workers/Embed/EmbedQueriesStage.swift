import Answered
import Caching
import Encoder
import Freshness
import KafkaClient
import Pools
import Records
import RedisClient
import Services
import Settings
import Stage
import Synchronization
import Time

/// `rag.queries` → `rag.searches`, or straight to `rag.answers` from the cache: the lane for queries. Bad
/// records get their answer here.
package struct EmbedQueriesStage: StageWork {
  private struct Item {
    var index: Int
    var record: RecordInWork
    var flight: QueryInFlight
    var wait: Double
  }

  /// For this long after an answer, a query with the same ID counts as a repeat of the answered query. Later it is a
  /// new query.
  private static let memory = Duration.milliseconds(QueryRecord.deadlineMaxMilliseconds)

  /// A question is split into at most this many windows of the model's input length.
  private static let windowsMax = 16

  private let context: StageContext
  private let encoder: Encoder
  private let cache: AnswerCache?
  private let log: QueryLog
  private let writer: AnswerWriter
  private let repeats: PossibleRepeats
  private let replies: ReplyTopics

  private init(_ context: StageContext, encoder: Encoder, cache: AnswerCache?, log: QueryLog) {
    self.context = context
    self.encoder = encoder
    self.cache = cache
    self.log = log
    writer = AnswerWriter(context, log: log)
    repeats = PossibleRepeats(context)
    replies = ReplyTopics(context)
  }

  /// The services of this lane, in start order.
  ///
  /// - Parameter rulesVersion: the version of generate's prompt and rules; a part of the cache's key.
  /// - Throws: `SettingsError` for a key of the cache that can't be used.
  package static func services(
    _ context: StageContext, encoder: Encoder, redis: RedisClient?, rulesVersion: Int
  ) throws -> [any Service] {
    let seal = try CacheSeal.named(in: context.settings)
    // The lane does not wait for the tail: until it has caught up, every lookup is a miss.
    let tail = redis.map { _ in FreshnessTail(context, opening: Gate(isOpen: false)) }
    let cache = tail.flatMap {
      AnswerCache(context, redis: redis, seal: seal, freshness: $0, rulesVersion: rulesVersion)
    }
    // Any query may come on any partition, so all answers are followed.
    let log = QueryLog(context, sources: [.answers], window: memory + QueryLog.margin * 3)
    log.follow(Array(0..<context.settings.partitionCount(.answers)))
    let stage = StageService(
      context, group: context.group(.embedQueries), topics: [context.topic(.queries)],
      shape: .batches(of: context.settings.embedBatchRecordsMax, isOrdered: false),
      work: EmbedQueriesStage(context, encoder: encoder, cache: cache, log: log))
    return (tail.map { [$0] } ?? []) + [log, stage]
  }

  /// - Throws: `KafkaFailure`.
  package func assigned(_ partitions: [TopicPartition: CommittedOffset?]) async throws -> [TopicPartition:
    Int64]
  {
    try await repeats.assigned(Array(partitions.keys))
    return [:]
  }

  /// - Throws: `KafkaFailure` when the broker can't be asked; `CancellationError`.
  package func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws
    -> [Disposition]
  {
    let watch = Stopwatch()
    var dispositions = [Disposition](repeating: .done([]), count: records.count)
    var items: [Item] = []
    for (index, item) in records.enumerated() {
      do {
        if let flight = try await read(item.record) {
          let wait = max(0, Double(WallClock.milliseconds - item.record.timestampMilliseconds))
          items.append(Item(index: index, record: item, flight: flight, wait: wait))
        }
      } catch let error as FieldError {
        dispositions[index] = Disposition(.rejected(error))
      }
    }
    // Answers from the cache are sent while the other queries are embedded, so neither waits for the other.
    for (item, answer) in await hits(items) {
      dispositions[item.index] = item.record.settle(Disposition(.done([cached(answer, item, watch)])))
      items.removeAll { $0.index == item.index }
    }
    for (item, search) in zip(items, await searches(items, watch)) {
      dispositions[item.index] = .done([search])
    }
    return dispositions
  }

  /// - Returns: nil for a repeat of a query that is answered.
  /// - Throws: `FieldError` for a bad query; `KafkaFailure` when the broker can't be asked; `CancellationError`.
  private func read(_ record: ConsumerRecord) async throws -> QueryInFlight? {
    guard let value = record.value else {
      throw FieldError(.notJSON, field: "value", value: "null", rule: "must be a JSON object")
    }
    let query = try QueryRecord(value: value)
    let askedAt = record.timestampMilliseconds
    let key = query.key.bytes
    if try await log.contains([.answered(key)], ofKey: key, since: askedAt - Self.memory.milliseconds) {
      return nil
    }
    try await replies.check(query)
    var flight = QueryInFlight(query: query)
    flight.askedAtMilliseconds = askedAt
    flight.deadlineAtMilliseconds = askedAt + query.deadlineMilliseconds
    flight.requestID = record.requestID
    if flight.isExpired {
      // Passed on without work, because retrieve writes the terminal state of an expired query.
      context.metrics.increment(.expiredQueries, [("stage", context.name)])
      flight.outcome = .expired
    }
    return flight
  }

  /// The queries that the cache answers. A query that may already be in the pipeline is left to it: the cache could
  /// give the query another terminal state.
  private func hits(_ items: [Item]) async -> [(Item, AnswerRecord)] {
    guard let cache else { return [] }
    let asked = items.filter { $0.flight.outcome == nil && !repeats.contains($0.record) }
    let answers = await cache.lookUp(asked.map(\.flight.query))
    return zip(asked, answers).compactMap { item, answer in answer.map { (item, $0) } }
  }

  /// Writes an answer from the cache. If sending fails, or comes too long after the lookup, the answer is looked up
  /// again; without a hit, the query goes on to search.
  private func cached(_ answer: AnswerRecord, _ item: Item, _ watch: Stopwatch) -> Phase {
    let first = Mutex<AnswerRecord?>(answer)
    let foundAt = WallClock.milliseconds
    return writer.phase(item.flight, facts: nil, headers: item.record.record.passedHeaders) {
      var found = first.withLock { first in
        defer { first = nil }
        return first
      }
      found?.checkedAtMilliseconds = foundAt
      if found == nil { found = await self.cache?.lookUp([item.flight.query]).first ?? nil }
      guard var answer = found else {
        return .next(await self.searches([item], watch)[0], finishing: nil)
      }
      answer.timings = item.flight.passedOn(stage: "embed", wait: item.wait, work: watch).timings
      return .answer(answer)
    }
  }

  /// The record of `rag.searches` of each query, with its vector unless the query is only passed on.
  private func searches(_ items: [Item], _ watch: Stopwatch) async -> [OutgoingRecord] {
    let embedding = Stopwatch()
    let working = items.indices.filter { items[$0].flight.outcome == nil }
    let windows = working.map { encoder.windows(of: items[$0].flight.query.text, countMax: Self.windowsMax) }
    let vectors = await encoder.encode(tokens: windows.flatMap(\.sequences))
    if !working.isEmpty {
      context.metrics.observe(
        .embeddingDuration, seconds: embedding.seconds,
        [("gen_ai.operation.name", "embeddings"), ("gen_ai.request.model", encoder.modelID)])
    }
    var rows: [Int: (range: Range<Int>, isCut: Bool)] = [:]
    var next = 0
    for (index, found) in zip(working, windows) {
      rows[index] = (next..<next + found.sequences.count, found.isCut)
      next += found.sequences.count
    }
    return items.enumerated().map { index, item in
      var search = SearchRecord(flight: item.flight.passedOn(stage: "embed", wait: item.wait, work: watch))
      search.model = encoder.modelID
      if let (range, isCut) = rows[index] {
        search.vector = Array(
          vectors[range.lowerBound * encoder.dimension..<range.upperBound * encoder.dimension])
        search.isCut = isCut
      }
      return context.queryRecord(
        .searches, item.flight.key, search.wireBytes, headers: item.record.record.passedHeaders)
    }
  }

  /// The query's `failed` answer. If the record has no readable ID, its position serves as the ID.
  ///
  /// - Throws: Nothing.
  package func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] {
    let identity = record.value.flatMap(QueryRecord.identity)
    var answer = AnswerRecord(
      id: identity?.id.rawValue ?? record.position.description, tenant: identity?.tenant.rawValue ?? "-",
      status: .failed)
    answer.error = RecordError(fault)
    guard let identity else {
      return [.records(context.answerRecords(answer, replyTo: nil, headers: record.passedHeaders))]
    }
    var query = QueryRecord(id: identity.id, tenant: identity.tenant, text: "")
    query.replyTo = nil
    var flight = QueryInFlight(query: query)
    flight.askedAtMilliseconds = record.timestampMilliseconds
    let failed = answer
    return [writer.phase(flight, facts: nil, headers: record.passedHeaders) { .answer(failed) }]
  }
}
