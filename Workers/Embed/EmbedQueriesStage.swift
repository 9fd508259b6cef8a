import Encoder
import KafkaClient
import Records
import Settings
import Stage
import Telemetry

/// `rag.queries` → `rag.searches`: the lane that a question waits for. Bad records are answered here.
package struct EmbedQueriesStage: BatchWork {
  private let context: StageContext
  private let encoder: Encoder

  package static func service(_ context: StageContext, encoder: Encoder) -> BatchStage {
    BatchStage(
      context, group: GroupName.embedQueries, topics: [context.topic(.queries)],
      batchRecordsMax: context.settings.embedBatchRecordsMax,
      work: EmbedQueriesStage(context: context, encoder: encoder))
  }

  package func work(on records: [ConsumerRecord]) async throws -> [OutgoingRecord] {
    let watch = Stopwatch()
    var outputs: [OutgoingRecord] = []
    var flights: [(record: ConsumerRecord, flight: QueryInFlight, wait: Double)] = []
    for record in records {
      do {
        let query = try read(record)
        var flight = QueryInFlight(query: query)
        flight.deadlineAtMilliseconds = record.timestampMilliseconds + query.deadlineMilliseconds
        flight.requestID = record.requestID
        let wait = max(0, Double(WallClock.milliseconds - record.timestampMilliseconds))
        if flight.isExpired {
          // Passed on without work: retrieve alone writes this state.
          context.metrics.increment(.expiredQueries, [("stage", context.name)])
          flight.outcome = .expired
        }
        flights.append((record, flight, wait))
      } catch {
        outputs += rejection(record, error)
      }
    }
    let working = flights.indices.filter { flights[$0].flight.outcome == nil }
    let vectors = await encoder.encode(working.map { flights[$0].flight.query.text })
    if !working.isEmpty {
      context.metrics.observe(
        .embeddingDuration, seconds: watch.seconds,
        [("gen_ai.operation.name", "embeddings"), ("gen_ai.request.model", encoder.modelID)])
    }
    var rows: [Int: Int] = [:]
    for (row, index) in working.enumerated() { rows[index] = row }
    for (index, (record, flight, wait)) in flights.enumerated() {
      var search = SearchRecord(flight: flight.passedOn(stage: "embed", wait: wait, work: watch))
      search.model = encoder.modelID
      if let row = rows[index] {
        search.vector = Array(vectors[row * encoder.dimension..<(row + 1) * encoder.dimension])
      }
      outputs.append(
        context.queryRecord(.searches, flight.key, search.wireBytes, headers: record.passedHeaders))
    }
    return outputs
  }

  private func read(_ record: ConsumerRecord) throws(FieldError) -> QueryRecord {
    guard let value = record.value else {
      throw FieldError("not_json", field: "value", value: "null", rule: "must be a JSON object")
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
