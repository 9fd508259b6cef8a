import BlockingExecutor
import Pools
import Chunking
import Foundation
import KafkaClient
import Parsing
import Records
import Settings
import Stage
import Tokenizer

/// `rag.documents` → chunks, deletion marks and `accepted` events.
///
/// For each record: decide its version, write `accepted`, wait for it, then write chunks or a mark. A crash
/// at any point repeats the record, whose outputs have the same keys and digests.
package struct IngestStage: BatchWork {
  private let context: StageContext
  private let chunker: Chunker
  private let model: String
  private let parser: Parser
  /// Child processes are waited for there.
  private let blocking = BlockingCalls(name: "parser")

  package init(_ context: StageContext, tokenizer: WordPieceTokenizer, markup: MarkupReader) {
    self.context = context
    model = context.settings.encoder.model
    chunker = Chunker(
      tokenizer: tokenizer, tokensMax: context.settings.ingest.chunkTokens,
      overlapTokens: context.settings.ingest.overlapTokens)
    parser = Parser(
      ParsingLimits(
        timeout: context.settings.ingest.parserTimeout,
        memoryBytesMax: context.settings.ingest.parserMemoryBytesMax,
        textBytesMax: context.settings.ingest.textBytesMax),
      markup: markup)
  }

  /// The service that runs this stage.
  package static func service(
    _ context: StageContext, tokenizer: WordPieceTokenizer, markup: MarkupReader
  ) -> BatchStage {
    BatchStage(
      context, group: ConsumerGroup.ingest.name, topics: [context.topic(.documents)],
      batchRecordsMax: context.settings.ingest.batchRecordsMax,
      work: IngestStage(context, tokenizer: tokenizer, markup: markup))
  }

  /// A topic that was deleted and made again counts from 0: its versions would be older than those of before.
  ///
  /// - Throws: `StageFatal` when the topic was made again; `KafkaFailure`; `CancellationError`.
  package func assigned(_ partitions: [TopicPartition]) async throws {
    let epoch = context.settings.ingest.epoch
    let highest = try await highestVersions(partitions)
    let ends = try await withReader(context.kafka) { reader in
      try await reader.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, .end) }))
      return try await reader.currentPositions()
    }
    for partition in partitions {
      guard let version = highest[partition.partition] else { continue }
      let end = ends[partition] ?? 0
      if version.epoch > epoch || (version.epoch == epoch && version.offset >= end) {
        throw StageFatal(
          """
          \(partition) ends at \(end), but version \(version) is known: the topic was made again. \
          Set ingest.epoch to \(max(version.epoch, epoch) + 1) and put the documents again.
          """)
      }
    }
  }

  private func highestVersions(_ partitions: [TopicPartition]) async throws -> [Int32: Version] {
    let topic = context.topic(.documentStatus)
    let table = VersionTable()
    try await withReader(context.kafka) { reader in
      try await reader.assign(
        Dictionary(uniqueKeysWithValues: partitions.map { (TopicPartition(topic, $0.partition), .beginning) })
      )
      try await reader.readToEnd(limit: .seconds(300)) { records in
        for record in records {
          guard let value = record.value, let status = try? StatusRecord(value: value),
            let version = status.version
          else { continue }
          table.raise(record.position.partition, to: version)
        }
      }
    }
    return table.versions
  }

  /// - Throws: `FieldError` of kind `.retriable` when this machine can't start a parser; `KafkaFailure` when
  ///   `accepted` is not acknowledged; `CancellationError`.
  package func work(on records: [ConsumerRecord]) async throws -> [OutgoingRecord] {
    let plans = try await blocking.run {
      try records.map { record in
        let plan = try plan(record)
        // Also because a cancelled parser's verdict is none.
        try Task.checkCancellation()
        return plan
      }
    }
    // `accepted` is acknowledged before the version's chunks or marks exist anywhere.
    try await context.producer.send(plans.flatMap(\.accepted))
    return plans.flatMap(\.outputs)
  }

  /// - Throws: `KafkaFailure` when `accepted` is not acknowledged; `CancellationError`.
  package func refused(_ record: ConsumerRecord, _ fault: RecordError) async throws -> [OutgoingRecord] {
    let error = FieldError(
      .tooLarge, field: fault.field, value: "\(record.value?.count ?? 0) bytes",
      rule: "must be smaller: what is made of it is refused by the broker")
    let plan: Plan
    if let key = try? DocumentKey(bytes: record.key) {
      plan = rejection(
        record, key, Version(epoch: context.settings.ingest.epoch, offset: record.position.offset), error)
    } else {
      plan = unversioned(record, error)
    }
    try await context.producer.send(plan.accepted)
    return plan.outputs
  }

  struct Plan {
    var accepted: [OutgoingRecord] = []
    var outputs: [OutgoingRecord] = []
  }

  /// Decides what becomes of one record. Blocks while a child process reads a binary format; no other I/O.
  ///
  /// - Throws: what is the machine's fault: it is tried again.
  func plan(_ record: ConsumerRecord) throws -> Plan {
    let key: DocumentKey
    do {
      key = try DocumentKey(bytes: record.key)
      try checkPartition(record, key)
    } catch {
      return unversioned(record, error)
    }
    let version = Version(epoch: context.settings.ingest.epoch, offset: record.position.offset)
    guard let value = record.value else { return deletion(record, key, version) }
    do {
      let document = try DocumentRecord(value: value, key: key, fieldMap: context.settings.ingest.fieldMap)
      return try put(record, document, version)
    } catch let error as FieldError where error.kind == .retriable {
      throw error
    } catch let error as FieldError {
      return error.code == .keyMismatch
        ? unversioned(record, error) : rejection(record, key, version, error)
    } catch {
      let fault = FieldError(
        .internalFault, field: "value", value: "", rule: "could not be worked on: \(error)")
      return rejection(record, key, version, fault)
    }
  }

  private func checkPartition(_ record: ConsumerRecord, _ key: DocumentKey) throws(FieldError) {
    let expected = Partitioner.partition(
      ofKey: key.bytes, partitionCount: context.settings.partitionCount(.documents))
    guard record.position.partition == expected else {
      throw FieldError(
        .wrongPartition, field: "partition", value: "\(record.position.partition)",
        rule: "must be \(expected), murmur2 of the key: set partitioner=murmur2_random in librdkafka clients")
    }
  }

  /// A record without a version: nothing else looks at its event.
  private func unversioned(_ record: ConsumerRecord, _ error: FieldError) -> Plan {
    let id = record.position.description
    var status = StatusRecord(
      id: id, tenant: "-", version: nil, operation: record.value == nil ? .delete : .put, state: .failed)
    status.error = RecordError(error)
    let event = OutgoingRecord(
      topic: context.topic(.documentStatus), partition: record.position.partition, key: Array(id.utf8),
      value: status.json.bytes, headers: record.passedHeaders)
    context.metrics.increment(.terminalStates, [("kind", "document"), ("state", "failed")])
    return Plan(outputs: [event, context.deadLetter(record, RecordError(error), rule: error.rule)])
  }

  private func accepted(
    _ record: ConsumerRecord, _ key: DocumentKey, _ version: Version, _ operation: StatusRecord.Operation,
    warnings: [String] = []
  ) -> OutgoingRecord {
    var status = StatusRecord(key, version, operation, .accepted)
    status.warnings = warnings
    return OutgoingRecord(
      topic: context.topic(.documentStatus), partition: record.position.partition,
      key: StatusKey.bytes(key, version, .accepted), value: status.json.bytes, headers: record.passedHeaders)
  }

  private func mark(
    _ record: ConsumerRecord, _ document: DocumentInfo, _ mark: Mark, _ operation: StatusRecord.Operation,
    _ error: RecordError?
  ) -> OutgoingRecord {
    var header = PartHeader(document: document)
    header.requestID = record.requestID
    let batch = VectorBatch(header: header, content: .mark(mark, operation: operation, error: error))
    return OutgoingRecord(
      topic: context.topic(.vectors), partition: record.position.partition, key: batch.key.bytes,
      value: batch.wireBytes, headers: record.passedHeaders)
  }

  private func deletion(_ record: ConsumerRecord, _ key: DocumentKey, _ version: Version) -> Plan {
    Plan(
      accepted: [accepted(record, key, version, .delete)],
      outputs: [mark(record, DocumentInfo(key: key, version: version), .deleted, .delete, nil)])
  }

  private func rejection(
    _ record: ConsumerRecord, _ key: DocumentKey, _ version: Version, _ error: FieldError
  ) -> Plan {
    let info = DocumentInfo(key: key, version: version)
    return Plan(
      accepted: [accepted(record, key, version, .put)],
      outputs: [
        mark(record, info, .failed, .put, RecordError(error)),
        context.deadLetter(record, RecordError(error), rule: error.rule),
      ])
  }

  private func put(_ record: ConsumerRecord, _ document: DocumentRecord, _ version: Version) throws -> Plan {
    let parsed = try parse(document)
    var info = DocumentInfo(document, version: version)
    if info.title.isEmpty { info.title = parsed.title }
    let result = chunker.chunks(of: parsed)
    guard !result.chunks.isEmpty else {
      throw FieldError(
        .emptyText, field: "text", value: "", rule: "holds no text once its markup is taken away")
    }
    let made = result.chunks.reduce(0) { $0 + Int($1.tokenCount) }
    context.metrics.set(.chunkAmplification, to: Double(made) / Double(max(1, result.documentTokens)))
    let parts = PartDivision.parts(
      of: result.chunks, document: info, model: model, requestID: record.requestID)
    return Plan(
      accepted: [
        accepted(record, document.key, version, .put, warnings: chunker.warning.map { [$0] } ?? [])
      ],
      outputs: parts.map { part in
        OutgoingRecord(
          topic: context.topic(.chunks), partition: record.position.partition, key: document.key.bytes,
          value: part.wireBytes, headers: record.passedHeaders)
      })
  }

  private func parse(_ document: DocumentRecord) throws(FieldError) -> ParsedDocument {
    let declared = document.mediaType ?? ""
    if case .uri(let uri) = document.content {
      throw FieldError(
        .unsupported, field: "uri", value: uri,
        rule: "claim checks are not fetched yet: send text or content_base64")
    }
    do throws(ParsingError) {
      if case .text(let text) = document.content {
        try checkLength(text.utf8.count)
        return try parser.parse(text, declared: declared)
      }
      guard case .base64(let encoded) = document.content, let data = Data(base64Encoded: encoded) else {
        throw ParsingError(.badValue, rule: "must be base64")
      }
      try checkLength(data.count)
      return try parser.parse(Array(data), declared: declared)
    } catch {
      var field = "content_base64"
      if case .text = document.content { field = "text" }
      if error.code == .unsupportedMediaType { field = "media_type" }
      throw FieldError(
        error.code, field: field, value: declared.isEmpty ? document.id.rawValue : declared, rule: error.rule)
    }
  }

  private func checkLength(_ count: Int) throws(ParsingError) {
    let limit = context.settings.ingest.documentBytesMax
    guard count <= limit else {
      throw ParsingError(
        .tooLong, rule: "must be at most ingest.documentBytesMax, \(limit) bytes, not \(count)")
    }
  }
}
