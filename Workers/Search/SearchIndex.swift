import BlockingExecutor
import Catalog
import Flat
import KafkaClient
import Records
import Stage
import Telemetry
import Time

/// One replica's shard: the catalog of versions and the rows that show, on a thread of its own.
package actor SearchIndex {
  private let executor = BlockingExecutor(name: "index")
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  private let model: String
  private let metrics: MetricsRegistry
  private let logger: Logger
  private var catalog = DocumentCatalog()
  private var index: (any VectorIndex)?
  private var dimension = 0
  private var positions: [Int32: Int64] = [:]
  /// What the records decided that the reporters have not committed, by partition and offset.
  private var decisions: [Int32: [Int64: DocumentCatalog.Decision]] = [:]
  private var reportedTo: [Int32: Int64] = [:]
  /// The newest version of each document of which a record can't be read here, with the reason.
  private var unread: [DocumentKey: (version: Version, reason: String)] = [:]
  /// Such records that the reporters have not committed, by partition and offset.
  private var unreadRecords: [Int32: [Int64: VectorKey]] = [:]
  private var ends: [Int32: Int64] = [:]
  private var newestAppliedMilliseconds: Int64 = 0
  private var endsKnownAt = ContinuousClock.now
  /// When the ends were not known for so long, the index may be behind, and says so.
  private static let endsAgeMax = Duration.seconds(5)

  package init(model: String, metrics: MetricsRegistry, logger: Logger) {
    self.model = model
    self.metrics = metrics
    self.logger = logger
  }

  /// Applies records of `rag.vectors` in their order.
  ///
  /// - Returns: false when the topic was deleted and made again: this index is of a log that is gone.
  @discardableResult
  package func apply(_ records: [ConsumerRecord]) -> Bool {
    for record in records {
      guard record.position.offset >= positions[record.position.partition] ?? 0 else { return false }
      apply(record)
      positions[record.position.partition] = record.nextOffset
      newestAppliedMilliseconds = max(newestAppliedMilliseconds, record.timestampMilliseconds)
    }
    metrics.set(.indexVectors, to: Double(index?.rowCount ?? 0))
    metrics.set(.indexDocuments, to: Double(catalog.visibleCount))
    for (reader, count) in catalog.visibleByReader where reader?.isOlder ?? true {
      metrics.set(
        .indexOutdated, to: Double(count), [("reader", reader?.description ?? "unknown")])
    }
    return true
  }

  private func apply(_ record: ConsumerRecord) {
    guard let key = VectorKey(bytes: record.key) else {
      skip(.badKey)
      return
    }
    guard let value = record.value else {
      catalog.forget(key)
      forgetUnread(key, record.position.partition)
      return
    }
    let batch: VectorBatch
    do {
      batch = try VectorBatch(wireBytes: value)
    } catch {
      if error.isNewer { return leave(record, key, "records of a newer release (\(error.rule))", .badRecord) }
      logger.warning("Vector record skipped", [(.topic, record.position.description), (.error, "\(error)")])
      skip(.badRecord)
      return
    }
    // The key says what is replaced and removed, the value what is shown: they must speak of the same part.
    guard batch.key == key else {
      logger.warning(
        "Vector record skipped",
        [(.topic, record.position.description), (.error, "its key is not that of its value")])
      skip(.keyMismatch)
      return
    }
    if case .vectors(let chunks, let width, _) = batch.content {
      // An index of one model must not hold another's vectors: their scores mean nothing together.
      guard batch.header.model == model, chunks.isEmpty || dimension == 0 || dimension == width else {
        let other = batch.header.model
        return leave(
          record, key, other == model ? "vectors of \(width) values" : "vectors of model '\(other)'",
          .wrongModel)
      }
      // An empty batch must not fix the dimension.
      if !chunks.isEmpty { dimension = width }
    }
    let (change, decision) = catalog.apply(key, batch)
    if let known = unread[key.document], catalog.isDecided(key.document, known.version) {
      unread[key.document] = nil
    }
    let position = record.position
    if let decision, position.offset >= reportedTo[position.partition] ?? 0 {
      decisions[position.partition, default: [:]][position.offset] = decision
    }
    if let set = change.remove { index?.remove(key.document, set: set) }
    if !change.insert.isEmpty {
      if index == nil { index = FlatIndex(dimension: dimension) }
      index?.insert(change.insert)
    }
  }

  /// Not applied: another worker can read it, or its document is put again. Until then the index is incomplete.
  private func leave(_ record: ConsumerRecord, _ key: VectorKey, _ reason: String, _ code: ErrorCode) {
    skip(code)
    let position = record.position
    if position.offset >= reportedTo[position.partition] ?? 0 {
      unreadRecords[position.partition, default: [:]][position.offset] = key
    }
    catalog.leave(key)
    if catalog.isDecided(key.document, key.version) { return }
    if unread.isEmpty {
      logger.error(
        "The index can't read some records", [(.topic, position.description), (.reason, reason)])
    }
    if let known = unread[key.document], known.version > key.version { return }
    unread[key.document] = (key.version, reason)
  }

  /// The record is gone from the topic.
  private func forgetUnread(_ key: VectorKey, _ partition: Int32) {
    guard unread[key.document] != nil || unreadRecords[partition]?.isEmpty == false else { return }
    if unread[key.document]?.version == key.version { unread[key.document] = nil }
    unreadRecords[partition] = unreadRecords[partition]?.filter { $0.value != key }
  }

  private func skip(_ reason: ErrorCode) {
    metrics.increment(.indexSkipped, [("reason", reason.rawValue)])
  }

  /// What this index can't read, of documents that have nothing newer; nil when it can read all.
  package var unreadReason: String? {
    // No ids: whoever probes the worker reads this. The log has the first record's place.
    guard let known = unread.first?.value else { return nil }
    return "the index can't read \(unread.count) documents, for example \(known.reason)"
  }

  /// True for a record that was not read here, and on which the state of its version depends.
  package func isUnread(_ partition: Int32, _ offset: Int64) -> Bool {
    guard let key = unreadRecords[partition]?[offset] else { return false }
    return !catalog.isDecided(key.document, key.version)
  }

  /// True when the reporter must leave a record to another worker.
  package var holdsUnread: Bool {
    unreadRecords.values.contains { records in
      records.values.contains { !catalog.isDecided($0.document, $0.version) }
    }
  }

  /// What the record decided; nil when it decided nothing, or its states were written and committed.
  package func decision(_ partition: Int32, _ offset: Int64) -> DocumentCatalog.Decision? {
    decisions[partition]?[offset]
  }

  /// Forgets the decisions of records that the reporters have committed.
  package func forgetDecisions(before committed: [Int32: Int64]) {
    for (partition, offset) in committed where offset > reportedTo[partition] ?? -1 {
      reportedTo[partition] = offset
      decisions[partition] = decisions[partition]?.filter { $0.key >= offset }
      unreadRecords[partition] = unreadRecords[partition]?.filter { $0.key >= offset }
    }
  }

  /// Tells how far the reader is: gaps of a compacted topic hold no record but move the position.
  package func advance(positions: [Int32: Int64], ends: [Int32: Int64]) {
    for (partition, position) in positions {
      self.positions[partition] = max(self.positions[partition] ?? 0, position)
    }
    self.ends = ends
    endsKnownAt = .now
    metrics.set(.indexBehind, to: Double(behind.records))
  }

  private var notApplied: Int64 { ends.reduce(0) { $0 + max(0, $1.value - (positions[$1.key] ?? 0)) } }

  /// True when every record is applied that was there at the last look.
  package var isCaughtUp: Bool { notApplied == 0 && ContinuousClock.now - endsKnownAt <= Self.endsAgeMax }

  /// What answers say of the index: records that are not applied yet, and documents that can't be read.
  package var behind: IndexBehind {
    let records = notApplied + Int64(unread.count)
    let age = ContinuousClock.now - endsKnownAt
    if age > Self.endsAgeMax { return IndexBehind(records: max(1, records), milliseconds: age.milliseconds) }
    return IndexBehind(
      records: records,
      milliseconds: notApplied == 0 ? 0 : max(0, WallClock.milliseconds - newestAppliedMilliseconds))
  }

  package func position(of partition: Int32) -> Int64 { positions[partition] ?? 0 }

  package func search(_ queries: [IndexQuery]) -> [[IndexMatch]] {
    guard dimension > 0, queries.allSatisfy({ $0.vector.count == dimension }) else {
      return queries.map { query in
        query.vector.count == dimension ? (index?.search([query]).first ?? []) : []
      }
    }
    return index?.search(queries) ?? queries.map { _ in [] }
  }

  package func deadKeys(of document: DocumentKey) -> [VectorKey] { catalog.deadKeys(of: document) }
}
