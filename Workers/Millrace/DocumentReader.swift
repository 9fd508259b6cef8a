import Cryptography
import Foundation
import KafkaClient
import Records
import Settings
import Stage
import Synchronization

/// Reads what the topics say of documents.
struct DocumentReader: Sendable {
  struct Row: Sendable {
    var key: DocumentKey
    var version: Version
    var state: String
    var chunks: UInt32
    var source: String
    /// SHA-256 of the record's value; empty for a deletion.
    var digest: [UInt8]
  }

  let settings: Settings

  /// A document's events in their order.
  func states(of key: DocumentKey) async throws -> [StatusRecord] {
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

  /// `rag.documents` joined with status: what exists, whatever the age of its states.
  func list(tenant: TenantID?) async throws -> [Row] {
    struct Known {
      var offset: Int64
      var isDeletion: Bool
      var source: String
      var digest: [UInt8]
    }
    let documents = Mutex<[DocumentKey: Known]>([:])
    try await read(partitions(.documents)) { record in
      guard let key = try? DocumentKey(bytes: record.key), tenant == nil || key.tenant == tenant else {
        return
      }
      // The newest record decides, whatever it holds: what can't be read is not of any source.
      let source = record.value.flatMap { try? JSONReader.read($0) }?["source"]?.stringValue ?? ""
      let known = Known(
        offset: record.position.offset, isDeletion: record.value == nil, source: source,
        digest: record.value.map(SHA256.digest) ?? [])
      documents.withLock { $0[key] = known }
    }
    let states = Mutex<[DocumentKey: StatusRecord]>([:])
    try await read(partitions(.documentStatus)) { record in
      guard let value = record.value, let status = try? StatusRecord(value: value), let key = status.document,
        let version = status.version
      else { return }
      states.withLock { states in
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
      let state = version.offset < known.offset ? "waiting" : (status?.state.rawValue ?? "unknown")
      return Row(
        key: key, version: Version(epoch: version.epoch, offset: max(version.offset, known.offset)),
        state: state,
        chunks: status?.chunks ?? 0, source: known.source, digest: known.digest)
    }.sorted { $0.key.description < $1.key.description }
  }

  /// The newest record of a document, a deletion too; nil when there never was one.
  func newest(_ key: DocumentKey) async throws -> ConsumerRecord? {
    let partition = Partitioner.partition(
      ofKey: key.bytes, partitionCount: settings.partitionCount(.documents))
    let found = Mutex<ConsumerRecord?>(nil)
    try await read([TopicPartition(settings.topic(.documents), partition)]) { record in
      if record.key == key.bytes { found.withLock { $0 = record } }
    }
    return found.withLock { $0 }
  }

  private func partitions(_ name: TopicName) -> [TopicPartition] {
    (0..<settings.partitionCount(name)).map { TopicPartition(settings.topic(name), $0) }
  }

  private func read(_ partitions: [TopicPartition], _ body: @escaping @Sendable (ConsumerRecord) -> Void)
    async throws
  {
    let reader = ReplayReader(settings.kafkaConfiguration(clientID: "millrace-documents"))
    try await reader.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, .beginning) }))
    try await reader.readToEnd(limit: .seconds(600)) { records in for record in records { body(record) } }
    await reader.close()
  }
}
