import Analysis
import BlockingExecutor
import Pools
import Chunking
import Foundation
import KafkaClient
import Parsing
import Records
import Services
import Settings
import Stage
import Tokenizer

/// `rag.documents` → chunks, deletion marks and `accepted` events.
///
/// For each record: decide its version, write `accepted`, wait for it, then write chunks or a mark. A crash
/// at any point repeats the record, whose outputs have the same keys and digests.
package struct IngestStage: StageWork {
  private let context: StageContext
  private let chunker: Chunker
  private let model: String
  private let parser: DocumentParser
  /// The thread that waits for child processes.
  private let blocking = BlockingCalls(name: "parser")
  private let known: KnownVersions
  private let held: HeldPartitions

  package init(
    _ context: StageContext, tokenizer: WordPieceTokenizer, programs: ParserPrograms, ocr: OCR = .off
  ) {
    self.init(
      context, tokenizer: tokenizer, programs: programs, ocr: ocr, known: KnownVersions(context),
      held: HeldPartitions())
  }

  private init(
    _ context: StageContext, tokenizer: WordPieceTokenizer, programs: ParserPrograms, ocr: OCR,
    known: KnownVersions, held: HeldPartitions
  ) {
    self.context = context
    self.known = known
    self.held = held
    model = context.settings.encoder.model
    chunker = Chunker(
      tokenizer: tokenizer, tokensMax: context.settings.ingest.chunkTokens,
      overlapTokens: context.settings.ingest.overlapTokens)
    parser = DocumentParser(context.settings.ingest, programs, ocr: ocr)
  }

  /// The services of an ingest worker, in start order.
  package static func services(
    _ context: StageContext, tokenizer: WordPieceTokenizer, programs: ParserPrograms, ocr: OCR = .off
  ) -> [any Service] {
    let known = KnownVersions(context)
    let held = HeldPartitions()
    let stage = IngestStage(
      context, tokenizer: tokenizer, programs: programs, ocr: ocr, known: known, held: held)
    return [
      StageService(
        context, group: context.group(.ingest), topics: [context.topic(.documents)],
        shape: .batches(of: context.settings.ingest.batchRecordsMax, isOrdered: true), work: stage),
      RecreationWatch(known),
      EmbedBacklogWatch(context, held),
    ]
  }

  /// - Throws: `StageFatal` when `rag.documents` was recreated; `KafkaFailure`; `CancellationError`.
  package func assigned(_ partitions: [TopicPartition: CommittedOffset?]) async throws -> [TopicPartition:
    Int64]
  {
    let numbers = partitions.keys.map(\.partition)
    known.keep(Set(numbers))
    held.keep(Set(numbers))
    try await known.read(numbers)
    try await known.check(numbers)
    let starts = try await known.starts(partitions.filter { $0.value == nil }.map(\.key.partition))
    return Dictionary(
      uniqueKeysWithValues: starts.map { (TopicPartition(context.topic(.documents), $0.key), $0.value) })
  }

  package func isHeld(_ partition: TopicPartition) -> Bool { held.contains(partition.partition) }

  /// - Throws: `StageFatal` when `rag.documents` was recreated; `KafkaFailure`; `CancellationError`.
  package func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws
    -> [Disposition]
  {
    // The log of these partitions began again: check for a recreated topic before a record counts as a version.
    let restarted = Set(records.filter(\.isAfterRestart).map(\.record.position.partition))
    if !restarted.isEmpty { try await known.check(Array(restarted)) }
    let originals = await originals(records.map(\.record))
    let recordTime = context.settings.ingest.parserTimeout
    return try await blocking.run {
      var isSlow = false
      return try records.map { item in
        // Stop here when the task is cancelled: a cancelled parser can't judge a document.
        try Task.checkCancellation()
        // Reading the scanned pages of one document may take the time of a whole batch.
        guard ContinuousClock.now < limit, !isSlow else { return Disposition(.notBegun) }
        let begin = ContinuousClock.now
        defer { isSlow = ContinuousClock.now - begin > recordTime + .seconds(1) }
        switch originals[item.record.position] {
        case nil: return disposition(item, original: nil)
        case .read(let original): return disposition(item, original: original)
        case .failed(let failure): return Disposition(.retry(after: nil, failure))
        case .notBegun: return Disposition(.notBegun)
        }
      }
    }
  }

  /// The result of reading the record that a request names.
  private enum Original {
    /// The record; nil when compaction has removed it.
    case read(ConsumerRecord?)
    case failed(KafkaFailure)
    /// There was no time left.
    case notBegun
  }

  /// The part of a batch's time that reading originals may take. The rest is for parsing.
  private static let originalsTime = Duration.seconds(4)

  /// The records that requests ask to read again, by the request's position. If a partition can't be read, only its own
  /// requests fail.
  private func originals(_ records: [ConsumerRecord]) async -> [RecordPosition: Original] {
    var requests: [TopicPartition: [(position: RecordPosition, offset: Int64)]] = [:]
    for record in records {
      guard
        let request = try? RereadRequest(
          key: record.key, value: record.value, at: record.position.offset,
          epoch: context.settings.ingest.epoch)
      else { continue }
      requests[record.topicPartition, default: []].append((record.position, request.version.offset))
    }
    guard !requests.isEmpty else { return [:] }
    let reader = ReplayReader(context.kafka)
    let limit = ContinuousClock.now + Self.originalsTime
    var originals: [RecordPosition: Original] = [:]
    for (partition, waiting) in requests {
      var found: [Int64: ConsumerRecord] = [:]
      var failure: KafkaFailure?
      var isWhole = false
      if ContinuousClock.now < limit {
        do {
          (found, isWhole) = try await reader.records(
            of: partition, at: Set(waiting.map(\.offset)), until: limit)
        } catch let error as KafkaFailure { failure = error } catch {}
      }
      for (position, offset) in waiting {
        if let failure {
          originals[position] = .failed(failure)
        } else if let record = found[offset] {
          originals[position] = .read(record)
        } else {
          originals[position] = isWhole ? .read(nil) : .notBegun
        }
      }
    }
    await reader.close()
    return originals
  }

  private func disposition(_ item: RecordInWork, original: ConsumerRecord?) -> Disposition {
    let record = item.record
    do {
      let plan = try plan(record, original: original)
      if let version = plan.version { known.insert(record, version) }
      return Disposition(.done(plan.phases))
    } catch let error as FieldError {
      if error.kind == .retriable { return Disposition(.retry(after: nil, error)) }
      // A limit of time or memory may also be exceeded because the machine is busy: reject the document only after a
      // second attempt, and only as the partition's owner.
      if error.code == .parserTimeout || error.code == .parserMemory {
        if item.attempt == 0 { return Disposition(.retry(after: .zero, error)) }
        if !item.isOwned { return Disposition(.left) }
      }
      return Disposition(.rejected(error))
    } catch {
      return Disposition(
        .rejected(
          FieldError(.internalFault, field: "value", value: "", rule: "could not be processed: \(error)")))
    }
  }

  /// The version's `accepted` event and `failed` mark; for a record without a version, only a `failed` event.
  ///
  /// - Throws: Nothing.
  package func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] {
    guard fault.code != .keyMismatch, let (key, version) = try? identity(record) else {
      return [.records([unversioned(record, fault)])]
    }
    known.insert(record, version)
    let info = DocumentInfo(key: key, version: version)
    return Plan(
      version: version, accepted: [accepted(record, key, version, .put)],
      outputs: [mark(record, info, .failed, .put, RecordError(fault))]
    ).phases
  }

  struct Plan {
    var version: Version?
    var accepted: [OutgoingRecord] = []
    var outputs: [OutgoingRecord] = []

    /// `accepted` is acknowledged before the version's chunks or marks exist anywhere.
    var phases: [Phase] { [accepted, outputs].filter { !$0.isEmpty }.map { .records($0) } }
  }

  /// The document that a record is about, and the version that the record makes.
  ///
  /// - Throws: `FieldError` for a record that makes no version.
  private func identity(_ record: ConsumerRecord) throws(FieldError) -> (DocumentKey, Version) {
    let (epoch, offset) = (context.settings.ingest.epoch, record.position.offset)
    if RereadRequest.isKey(record.key) {
      let request = try RereadRequest(key: record.key, value: record.value, at: offset, epoch: epoch)
      try checkPartition(record, request.document)
      return (request.document, Version(epoch: epoch, offset: request.version.offset, reading: offset))
    }
    let key = try DocumentKey(bytes: record.key)
    try checkPartition(record, key)
    return (key, Version(epoch: epoch, offset: offset))
  }

  /// Decides what becomes of one record. Blocks while child processes parse the document; no other I/O.
  ///
  /// - Parameter original: the record that a request asks to read again; nil when compaction took it.
  /// - Throws: `FieldError` for a record that is rejected; one of kind `.retriable` when this machine can't start a
  ///   parser.
  func plan(_ record: ConsumerRecord, original: ConsumerRecord? = nil) throws -> Plan {
    // A tombstone withdraws a request: there is nothing to do.
    if RereadRequest.isKey(record.key), record.value == nil { return Plan() }
    let (key, version) = try identity(record)
    var content = record
    if version.reading != 0 {
      // Compaction removed the original because a newer record of the document exists.
      guard let original else { return superseded(record, key, version) }
      guard original.key == key.bytes else {
        throw FieldError(
          .keyMismatch, field: "version", value: version.description, rule: "must be of a record of \(key)")
      }
      content = original
    }
    guard let value = content.value else { return deletion(record, key, version) }
    let settings = context.settings.ingest
    let document = try DocumentRecord(value: value, key: key, fieldMap: settings.fieldMap)
    if settings.isStrict, let doubt = document.doubts.first { throw doubt }
    guard document.acl != nil || !settings.aclRequired else {
      throw FieldError(
        .missingField, field: "acl", value: "", rule: "must be present: ingest.aclRequired is set")
    }
    return try put(
      record, document, version,
      isExpired: DocumentInfo(document, version: version).isExpired(at: content.timestampMilliseconds))
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

  /// The `failed` event of a record without a version. No other stage handles such a record.
  private func unversioned(_ record: ConsumerRecord, _ error: FieldError) -> OutgoingRecord {
    let id = record.position.description
    var status = StatusRecord(
      id: id, tenant: "-", version: nil, operation: record.value == nil ? .delete : .put, state: .failed)
    status.error = RecordError(error)
    context.metrics.increment(.terminalStates, [("kind", "document"), ("state", "failed")])
    return OutgoingRecord(
      topic: context.topic(.documentStatus), partition: record.position.partition, key: Array(id.utf8),
      value: status.json.bytes, headers: record.passedHeaders)
  }

  private func accepted(
    _ record: ConsumerRecord, _ key: DocumentKey, _ version: Version, _ operation: StatusRecord.Operation,
    warnings: [String] = []
  ) -> OutgoingRecord {
    var status = StatusRecord(key, version, operation, .accepted)
    status.warnings = warnings
    status.recordedAtMilliseconds = record.timestampMilliseconds
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
      version: version, accepted: [accepted(record, key, version, .delete)],
      outputs: [mark(record, DocumentInfo(key: key, version: version), .deleted, .delete, nil)])
  }

  private func superseded(_ record: ConsumerRecord, _ key: DocumentKey, _ version: Version) -> Plan {
    Plan(
      version: version, accepted: [accepted(record, key, version, .put)],
      outputs: [mark(record, DocumentInfo(key: key, version: version), .dropped, .put, nil)])
  }

  /// The beginning of the text, long enough to detect the language.
  private static func beginning(of chunks: [Chunk]) -> [UInt8] {
    var text: [UInt8] = []
    for chunk in chunks where text.count < LanguageDetector.bytesMax {
      text += Array(chunk.text.utf8) + [0x0A]
    }
    return text
  }

  /// - Parameter isExpired: the document had expired when its record was written.
  private func put(
    _ record: ConsumerRecord, _ document: DocumentRecord, _ version: Version, isExpired: Bool
  ) throws -> Plan {
    let parsed = try parser.parse(document)
    var info = DocumentInfo(document, version: version)
    info.reader = ReaderVersion.current(parsed.format)
    if info.title.isEmpty { info.title = parsed.title }
    let isWhole = info.addMetadata(parsed.metadata)
    let result = try chunks(of: parsed)
    guard !result.chunks.isEmpty else {
      throw FieldError(
        .emptyText, field: "text", value: "", rule: "holds no text once its markup is taken away")
    }
    if Language(info.language) == .unknown {
      info.language = LanguageDetector.language(of: Self.beginning(of: result.chunks)).code
    }
    let made = result.chunks.reduce(0) { $0 + Int($1.tokenCount) }
    context.metrics.set(.chunkAmplification, to: Double(made) / Double(max(1, result.documentTokens)))
    let parts = PartDivision.parts(
      of: result.chunks, document: info, model: model, requestID: record.requestID)
    return Plan(
      version: version,
      accepted: [
        accepted(
          record, document.key, version, .put,
          warnings: (chunker.warning.map { [$0] } ?? []) + parsed.warnings
            + document.doubts.map(\.description)
            + (isExpired
              ? ["expires_at was past when the record was written: the document is never shown"] : [])
            + (isWhole
              ? [] : ["metadata: fields found in the document were left out: the limit is 16 KiB in total"]))
      ],
      outputs: parts.map { part in
        OutgoingRecord(
          topic: context.topic(.chunks), partition: record.position.partition, key: document.key.bytes,
          value: part.wireBytes, headers: record.passedHeaders)
      })
  }

  private func chunks(of parsed: ParsedDocument) throws(FieldError) -> Chunker.Result {
    let settings = context.settings.ingest
    do throws(ChunkingError) {
      return try chunker.chunks(
        of: parsed, chunksMax: settings.chunksMax, until: .now + settings.parserTimeout)
    } catch {
      switch error {
      case .tooMany:
        throw FieldError(
          .tooManyChunks, field: "text", value: "\(parsed.text.count) bytes of text",
          rule: "must become at most ingest.chunksMax, \(settings.chunksMax) chunks")
      case .tookTooLong:
        throw FieldError(
          .parserTimeout, field: "text", value: "\(parsed.text.count) bytes of text",
          rule: "must be cut into chunks within ingest.parserTimeout")
      }
    }
  }
}
