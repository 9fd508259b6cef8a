import Catalog
import Engine
import KafkaClient
import Records
import Settings
import Synchronization

/// Finds out which documents are visible and which reader version read each of them. Reads the whole of `rag.vectors`,
/// because status events may have expired.
package struct DocumentSurvey: Sendable {
  package struct Document: Sendable {
    package var key: DocumentKey
    package var version: Version
    /// nil for a document that was read by an early release, and for a failed document.
    package var reader: ReaderVersion?
    package var source: String
    /// Whether its metadata match the filter that was given; true without one.
    package var matches = true

    package var isOutdated: Bool { reader?.isOlder ?? true }
  }

  /// In no particular order.
  package private(set) var visible: [Document] = []
  /// Documents whose newest version failed. An older version may still be visible.
  package private(set) var failed: [Document] = []

  /// For each partition, the next offset to read and a digest of its visible documents.
  package private(set) var partitions: [Int32: (nextOffset: Int64, live: LiveDigest)] = [:]

  /// Reads all of `rag.vectors`. Memory grows with the number of documents only.
  ///
  /// - Parameters:
  ///   - tenant: nil for all tenants.
  ///   - filter: decides `Document.matches`.
  /// - Throws: `KafkaFailure`, also when reading takes longer than an hour; `CancellationError`.
  package init(_ settings: Settings, tenant: TenantID?, filter: MetadataFilter = .everything) async throws {
    let state = Mutex<State>(State(filter: filter))
    let topic = settings.topic(.vectors)
    let partitions = (0..<settings.partitionCount(.vectors)).map { TopicPartition(topic, $0) }
    try await withReader(settings.kafkaConfiguration(clientID: "millrace-survey")) { reader in
      try await reader.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, .beginning) }))
      try await reader.readToEnd(limit: .seconds(3600)) { records in
        state.withLock { state in
          for record in records { state.apply(record, tenant) }
        }
      }
      let positions = try await reader.currentPositions()
      state.withLock { state in
        for (partition, position) in positions { state.positions[partition.partition] = position }
      }
    }
    let (documents, catalog, positions, digests) = state.withLock {
      ($0.documents, $0.catalog, $0.positions, $0.digests)
    }
    for (partition, position) in positions {
      self.partitions[partition] = (nextOffset: position, live: digests[partition] ?? LiveDigest())
    }
    visible = Array(documents.values)
    failed = catalog.failedVersions.map { key, version in
      Document(key: key, version: version, source: documents[key]?.source ?? "")
    }
  }

  private struct State {
    let filter: MetadataFilter
    var catalog = DocumentCatalog()
    var documents: [DocumentKey: Document] = [:]
    var positions: [Int32: Int64] = [:]
    var digests: [Int32: LiveDigest] = [:]

    init(filter: MetadataFilter) { self.filter = filter }

    mutating func apply(_ record: ConsumerRecord, _ tenant: TenantID?) {
      guard let key = VectorKey(bytes: record.key), tenant == nil || key.document.tenant == tenant else {
        return
      }
      guard let value = record.value else { return catalog.forget(key) }
      guard var batch = try? VectorBatch(wireBytes: value), batch.key == key else { return }
      if case .vectors(let chunks, _, _) = batch.content {
        // To save memory, only one chunk without its text is kept: enough to tell which version is visible.
        var first = chunks.prefix(1)
        first.indices.forEach { first[$0] = Chunk() }
        batch.content = .vectors(chunks: Array(first), dimension: 0, values: [])
      }
      let change = catalog.apply(key, batch).change
      let partition = record.position.partition
      if let set = change.remove {
        digests[partition, default: LiveDigest()].remove(
          key.document, set.version, chunks: Int(change.removedChunks))
      }
      if let document = change.insert {
        digests[partition, default: LiveDigest()].add(
          key.document, document.set.version, chunks: Int(batch.header.chunkCount))
      }
      if let info = change.insert?.info {
        documents[key.document] = Document(
          key: info.key, version: info.version, reader: info.reader, source: info.source,
          matches: filter.matches(info.metadata))
      } else if change.remove != nil {
        documents[key.document] = nil
      }
    }
  }
}
