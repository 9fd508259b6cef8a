import Answered
import Caching
import Pools
import Encoder
import Freshness
import KafkaClient
import Records
import RedisClient
import Services
import Settings
import Stage
import Time

/// `rag.queries` → `rag.searches`, or straight to `rag.answers` from the cache: the lane for queries. Bad
/// records get their answer here.
package struct EmbedQueriesStage: BatchWork {
  private struct Flight {
    var record: ConsumerRecord
    var flight: QueryInFlight
    var wait: Double
    var mayBeRepeat: Bool
  }

  private let context: StageContext
  private let encoder: Encoder
  private let cache: AnswerCache?
  private let repeats: RepeatedQueries
  private let replies: ReplyTopics

  /// The services of this lane, in start order.
  ///
  /// - Parameter promptVersion: the version of the prompt that generate sends; a part of the cache's key.
  package static func services(
    _ context: StageContext, encoder: Encoder, redis: RedisClient?, promptVersion: Int
  ) -> [any Service] {
    // The lane does not wait for the tail: until it has caught up, every lookup is a miss.
    let tail = redis.map { _ in FreshnessTail(context, opening: Gate(isOpen: false)) }
    let cache = tail.flatMap {
      AnswerCache(context, redis: redis, freshness: $0, promptVersion: promptVersion)
    }
    let stage = BatchStage(
      context, group: ConsumerGroup.embedQueries.name, topics: [context.topic(.queries)],
      batchRecordsMax: context.settings.embedBatchRecordsMax,
      work: EmbedQueriesStage(
        context: context, encoder: encoder, cache: cache, repeats: RepeatedQueries(context),
        replies: ReplyTopics(context)))
    return (tail.map { [$0] } ?? []) + [stage]
  }

  /// - Throws: `KafkaFailure`.
  package func assigned(_ partitions: [TopicPartition]) async throws {
    try await repeats.assigned(partitions)
  }

  /// Sends the answers from the cache itself; the outputs are searches, and answers to bad records.
  ///
  /// - Throws: `KafkaFailure` when the broker can't be asked or does not take an answer; `CancellationError`.
  package func work(on records: [ConsumerRecord]) async throws -> [OutgoingRecord] {
    let watch = Stopwatch()
    try await repeats.prepare(records)
    var outputs: [OutgoingRecord] = []
    var flights: [Flight] = []
    for record in records {
      do {
        let query = try read(record)
        // Answered from the cache before a crash. The pipeline could give it another terminal state.
        if repeats.isAnswered(query.key, record) { continue }
        try await replies.check(query)
        var flight = QueryInFlight(query: query)
        flight.deadlineAtMilliseconds =
          min(max(0, record.timestampMilliseconds), 1 << 52) + query.deadlineMilliseconds
        flight.requestID = record.requestID
        let wait = max(0, Double(WallClock.milliseconds - record.timestampMilliseconds))
        if flight.isExpired {
          // Passed on without work, because retrieve writes the terminal state of an expired query.
          context.metrics.increment(.expiredQueries, [("stage", context.name)])
          flight.outcome = .expired
        }
        flights.append(
          Flight(record: record, flight: flight, wait: wait, mayBeRepeat: repeats.mayBeRepeat(record)))
      } catch let error as FieldError {
        outputs += rejection(record, error)
      }
    }
    // Answers from the cache are sent while the other queries are embedded, so neither waits for the other.
    repeats.begin(records)
    let hits = await answerFromCache(&flights, watch)
    async let isSent: Void = send(hits.records, hits.keys)
    outputs += await embed(flights, watch)
    try await isSent
    return outputs
  }

  /// The query's `failed` answer and a dead letter.
  ///
  /// - Throws: Nothing.
  package func refused(_ record: ConsumerRecord, _ fault: RecordError) async throws -> [OutgoingRecord] {
    rejection(
      record,
      FieldError(
        .tooLarge, field: fault.field, value: "\(record.value?.count ?? 0) bytes",
        rule: "must be smaller: the broker refuses the record that is made from it"))
  }

  private func send(_ records: [OutgoingRecord], _ keys: [QueryKey]) async throws {
    guard !records.isEmpty else { return }
    try await context.producer.send(records)
    repeats.insert(keys)
  }

  /// Removes from `flights` the queries that the cache answers, and returns their answers.
  private func answerFromCache(_ flights: inout [Flight], _ watch: Stopwatch) async -> (
    records: [OutgoingRecord], keys: [QueryKey]
  ) {
    guard let cache else { return ([], []) }
    // A query that may already be in the pipeline stays there: the cache could give it another terminal
    // state.
    let asked = flights.indices.filter { flights[$0].flight.outcome == nil && !flights[$0].mayBeRepeat }
    let answers = await cache.lookUp(asked.map { flights[$0].flight.query })
    var outputs: [OutgoingRecord] = []
    var keys: [QueryKey] = []
    var hits: Set<Int> = []
    for (index, answer) in zip(asked, answers) {
      guard var answer else { continue }
      let item = flights[index]
      answer.timings = item.flight.passedOn(stage: "embed", wait: item.wait, work: watch).timings
      outputs += context.answerRecords(
        answer, replyTo: item.flight.query.replyTo, headers: item.record.passedHeaders)
      keys.append(item.flight.key)
      hits.insert(index)
    }
    flights = flights.indices.filter { !hits.contains($0) }.map { flights[$0] }
    return (outputs, keys)
  }

  private func embed(_ flights: [Flight], _ watch: Stopwatch) async -> [OutgoingRecord] {
    var outputs: [OutgoingRecord] = []
    let embedding = Stopwatch()
    let working = flights.indices.filter { flights[$0].flight.outcome == nil }
    let vectors = await encoder.encode(working.map { flights[$0].flight.query.text })
    if !working.isEmpty {
      context.metrics.observe(
        .embeddingDuration, seconds: embedding.seconds,
        [("gen_ai.operation.name", "embeddings"), ("gen_ai.request.model", encoder.modelID)])
    }
    var rows: [Int: Int] = [:]
    for (row, index) in working.enumerated() { rows[index] = row }
    for (index, item) in flights.enumerated() {
      var search = SearchRecord(flight: item.flight.passedOn(stage: "embed", wait: item.wait, work: watch))
      search.model = encoder.modelID
      if let row = rows[index] {
        search.vector = Array(vectors[row * encoder.dimension..<(row + 1) * encoder.dimension])
      }
      outputs.append(
        context.queryRecord(.searches, item.flight.key, search.wireBytes, headers: item.record.passedHeaders))
    }
    return outputs
  }

  private func read(_ record: ConsumerRecord) throws(FieldError) -> QueryRecord {
    guard let value = record.value else {
      throw FieldError(.notJSON, field: "value", value: "null", rule: "must be a JSON object")
    }
    return try QueryRecord(value: value)
  }

  private func rejection(_ record: ConsumerRecord, _ error: FieldError) -> [OutgoingRecord] {
    let identity = record.value.flatMap(QueryRecord.identity)
    var answer = AnswerRecord(
      id: identity?.id.rawValue ?? record.position.description, tenant: identity?.tenant.rawValue ?? "-",
      status: .failed)
    answer.error = RecordError(error)
    return context.answerRecords(answer, replyTo: nil, headers: record.passedHeaders) + [
      context.deadLetter(record, RecordError(error), rule: error.rule)
    ]
  }
}
