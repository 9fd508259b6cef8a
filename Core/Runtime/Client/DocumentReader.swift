import Cryptography
import Foundation
import KafkaClient
import Records
import Settings
import Stage
import Synchronization

/// Finds out from the topics which documents exist, and in which states they are.
package struct DocumentReader: Sendable {
  /// The newest known version of a document.
  package struct Row: Sendable {
    package var key: DocumentKey
    package var version: Version
    package var state: State
    package var chunks: UInt32
    package var source: String
    /// SHA-256 of the record's value; empty for a deletion.
    package var digest: [UInt8]
    /// Whether its metadata match the filter that was given; true without one.
    package var matches = true
  }

  /// How far the newest version of a document has come.
  package enum State: Sendable, Equatable, CustomStringConvertible {
    /// The newest version has no state yet.
    case waiting
    /// The document's status events have expired.
    case unknown
    case reached(DocumentState)

    package var description: String {
      switch self {
      case .waiting: "waiting"
      case .unknown: "unknown"
      case .reached(let state): state.rawValue
      }
    }
  }

  private let settings: Settings

  package init(settings: Settings) { self.settings = settings }

  /// A document's status events in order, as far back as the topic keeps them.
  ///
  /// - Throws: `KafkaFailure`.
  package func states(of key: DocumentKey) async throws -> [StatusRecord] {
    let partition = Partitioner.partition(
      ofKey: key.bytes, partitionCount: settings.partitionCount(.documentStatus))
    let found = Mutex<[StatusRecord]>([])
    try await read([TopicPartition(settings.topic(.documentStatus), partition)]) { record in
      guard let value = record.value, let status = try? StatusRecord(value: value), status.document == key
      else { return }
      found.withLock { $0.append(status) }
    }
    return found.withLock { $0 }
  }

  /// The status events of a record of `rag.documents` that has no version: its key can't be used, or it is on the wrong
  /// partition.
  ///
  /// - Parameter place: the record's topic-partition-offset; for other texts the result is empty.
  /// - Throws: `KafkaFailure`.
  package func states(ofRecordAt place: String) async throws -> [StatusRecord] {
    // The event is on the record's own partition.
    guard let partition = RecordPlace.partition(of: place, in: settings.topic(.documents)),
      partition < settings.partitionCount(.documentStatus)
    else { return [] }
    let found = Mutex<[StatusRecord]>([])
    try await read([TopicPartition(settings.topic(.documentStatus), partition)]) { record in
      guard let value = record.value, let status = try? StatusRecord(value: value), status.version == nil,
        status.id == place
      else { return }
      found.withLock { $0.append(status) }
    }
    return found.withLock { $0 }
  }

  /// Joins `rag.documents` with `rag.document-status`, so that a document is listed even when its status
  /// events have expired.
  ///
  /// It reads `rag.vectors`, too: the filter of a query is compared with the metadata of the visible version, which
  /// include what was read from the content. If no version is visible, the metadata of the record are compared.
  ///
  /// - Parameters:
  ///   - tenant: nil lists the documents of all tenants.
  ///   - filter: lists only documents whose metadata match.
  /// - Throws: `KafkaFailure`.
  package func list(tenant: TenantID?, filter: MetadataFilter) async throws -> [Row] {
    let rows = try await list(tenant: tenant, recordFilter: filter)
    let survey = try await DocumentSurvey(settings, tenant: tenant, filter: filter)
    let visible = Dictionary(uniqueKeysWithValues: survey.visible.map { ($0.key, $0.matches) })
    return rows.filter { visible[$0.key] ?? $0.matches }
  }

  /// As above, without a filter.
  ///
  /// - Throws: `KafkaFailure`.
  package func list(tenant: TenantID?) async throws -> [Row] {
    try await list(tenant: tenant, recordFilter: .everything)
  }

  private func list(tenant: TenantID?, recordFilter: MetadataFilter) async throws -> [Row] {
    struct Known {
      var offset: Int64
      var isDeletion: Bool
      var source: String
      var digest: [UInt8]
      var matches: Bool
    }
    let fieldMap = settings.ingest.fieldMap
    let documents = Mutex<[DocumentKey: Known]>([:])
    try await read(partitions(.documents)) { record in
      guard let key = try? DocumentKey(bytes: record.key), tenant == nil || key.tenant == tenant else {
        return
      }
      // The newest record counts even when it can't be parsed; it then has no source.
      let source = record.value.flatMap { try? JSONReader.read($0) }?["source"]?.stringValue ?? ""
      let known = Known(
        offset: record.position.offset, isDeletion: record.value == nil, source: source,
        digest: record.value.map(SHA256.digest) ?? [],
        matches: recordFilter.isEverything
          || record.value.flatMap { try? DocumentRecord(value: $0, key: key, fieldMap: fieldMap) }
            .map { recordFilter.matches($0.metadata) } ?? false
      )
      documents.withLock { $0[key] = known }
    }
    let states = Mutex<[DocumentKey: StatusRecord]>([:])
    try await read(partitions(.documentStatus)) { record in
      guard let value = record.value, let status = try? StatusRecord(value: value), let key = status.document,
        let version = status.version
      else { return }
      states.withLock { states in
        // A superseded request to read the document again changes nothing about the document's state.
        if version.reading != 0, status.state == .superseded, states[key] != nil { return }
        // The first terminal state of a version counts; after a crash, `accepted` may be repeated behind it.
        if let former = states[key], former.version == version, former.state.isTerminal { return }
        guard let former = states[key]?.version, former > version else {
          states[key] = status
          return
        }
      }
    }
    let newest = states.withLock { $0 }
    return documents.withLock { $0 }.compactMap { key, known -> Row? in
      let status = newest[key]
      let isSettled =
        status == nil || status?.state == .deleted || (status?.version?.offset ?? 0) < known.offset
      if known.isDeletion, isSettled { return nil }
      let version = status?.version ?? Version(epoch: settings.ingest.epoch, offset: known.offset)
      let state: State =
        version.offset < known.offset ? .waiting : status.map { .reached($0.state) } ?? .unknown
      return Row(
        key: key,
        version: version.offset < known.offset
          ? Version(epoch: version.epoch, offset: known.offset) : version,
        state: state,
        chunks: status?.chunks ?? 0, source: known.source, digest: known.digest, matches: known.matches)
    }.sorted { $0.key.description < $1.key.description }
  }

  /// The newest record of a document, which may be a deletion; nil when there is none.
  ///
  /// - Throws: `KafkaFailure`.
  package func newest(_ key: DocumentKey) async throws -> ConsumerRecord? {
    let partition = Partitioner.partition(
      ofKey: key.bytes, partitionCount: settings.partitionCount(.documents))
    let found = Mutex<ConsumerRecord?>(nil)
    try await read([TopicPartition(settings.topic(.documents), partition)]) { record in
      if record.key == key.bytes { found.withLock { $0 = record } }
    }
    return found.withLock { $0 }
  }

  /// The positions of records with this key on other partitions than the key's. Ingest rejects such records, and their
  /// status events name only the position. Reads the whole topic.
  ///
  /// - Throws: `KafkaFailure`.
  package func misplaced(_ key: DocumentKey) async throws -> [RecordPosition] {
    let right = Partitioner.partition(
      ofKey: key.bytes, partitionCount: settings.partitionCount(.documents))
    let found = Mutex<[RecordPosition]>([])
    try await read(partitions(.documents).filter { $0.partition != right }) { record in
      if record.key == key.bytes { found.withLock { $0.append(record.position) } }
    }
    return found.withLock { $0 }.sorted { ($0.partition, $0.offset) < ($1.partition, $1.offset) }
  }

  private func partitions(_ name: TopicName) -> [TopicPartition] {
    (0..<settings.partitionCount(name)).map { TopicPartition(settings.topic(name), $0) }
  }

  private func read(_ partitions: [TopicPartition], _ body: @escaping @Sendable (ConsumerRecord) -> Void)
    async throws
  {
    try await withReader(settings.kafkaConfiguration(clientID: "millrace-documents")) { reader in
      try await reader.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, .beginning) }))
      try await reader.readToEnd(limit: .seconds(600)) { records in for record in records { body(record) } }
    }
  }
}
