import KafkaClient
import Records
import Stage
import Synchronization

/// Writes all terminal states of document versions, in the order of `rag.vectors`, and nulls dead keys.
///
/// It reads `rag.vectors` as a member of the shard's index group; partitions of other shards, which the group
/// is given too, are left out. For each record it waits until the replica's own index has applied it, so that
/// `indexed` means: visible here. A crash after writing and before the commit repeats records whose versions
/// then have a state, and writes nothing.
final class Reporter: BatchWork {
  private let context: StageContext
  private let partitions: Set<Int32>
  private let index: SearchIndex
  private let states = Mutex(VersionStates())
  private let tail: ReplayReader

  init(_ context: StageContext, partitions: Set<Int32>, index: SearchIndex) {
    self.context = context
    self.partitions = partitions
    self.index = index
    tail = ReplayReader(context.kafka)
  }

  func ignores(_ partition: TopicPartition) -> Bool { !partitions.contains(partition.partition) }

  /// Reads the status partitions to their ends: a version with a terminal state gets no other.
  ///
  /// - Throws: `KafkaFailure`, also when the ends are not reached within 300 s; `CancellationError`.
  func assigned(_ assigned: [TopicPartition]) async throws {
    let mine = assigned.filter { partitions.contains($0.partition) }
    states.withLock { $0 = VersionStates() }
    try await tail.assign(
      Dictionary(
        uniqueKeysWithValues: mine.map {
          (TopicPartition(context.topic(.documentStatus), $0.partition), .beginning)
        }))
    try await readStates()
  }

  private func readStates() async throws {
    try await tail.readToEnd(limit: .seconds(300)) { records in
      self.states.withLock { states in
        for record in records {
          guard let value = record.value, let status = try? StatusRecord(value: value) else { continue }
          states.apply(status)
        }
      }
    }
  }

  /// - Throws: `KafkaFailure` when the states can't be read or written; `CancellationError`.
  func work(on records: [ConsumerRecord]) async throws -> [OutgoingRecord] {
    let mine = records.filter { $0.value != nil }
    guard !mine.isEmpty else { return [] }
    for record in mine { try await waitUntilApplied(record) }
    // `accepted` was acknowledged before the vectors were written: reading to the end now finds it.
    try await readStates()
    let before = states.withLock { $0 }
    var events: [OutgoingRecord] = []
    var touched: [DocumentKey: Int32] = [:]
    for record in mine {
      guard let key = VectorKey(bytes: record.key) else { continue }
      touched[key.document] = record.position.partition
      events += await self.events(for: record, key)
    }
    // States first, acknowledged; only then keys are nulled.
    do {
      try await context.producer.send(events)
    } catch {
      states.withLock { $0 = before }  // not written: the batch comes again and must write them
      throw error
    }
    var nulls: [OutgoingRecord] = []
    for (document, partition) in touched {
      nulls += await index.deadKeys(of: document).map { key in
        OutgoingRecord(topic: context.topic(.vectors), partition: partition, key: key.bytes, value: nil)
      }
    }
    return nulls
  }

  /// - Throws: Nothing.
  func refused(_ record: ConsumerRecord, _ fault: RecordError) async throws -> [OutgoingRecord] {
    [context.deadLetter(record, fault, rule: "must have a state that its topic takes")]
  }

  private func waitUntilApplied(_ record: ConsumerRecord) async throws {
    while await index.position(of: record.position.partition) <= record.position.offset {
      try await Task.sleep(for: .milliseconds(2))
    }
  }

  private func events(for record: ConsumerRecord, _ key: VectorKey) async -> [OutgoingRecord] {
    let document = key.document
    guard !states.withLock({ $0.isFinished(document, key.version) }) else { return [] }
    let token = VectorsToken(partition: record.position.partition, nextOffset: record.nextOffset)
    let isDelete = key.set == .mark(.deleted)
    let operation = states.withLock { $0.operation(document, key.version) } ?? (isDelete ? .delete : .put)
    var status: StatusRecord
    switch await index.verdict(on: document, key.version) {
    case .pending: return []
    case .visible(let chunkCount):
      status = StatusRecord(document, key.version, operation, .indexed)
      status.chunks = chunkCount
      status.token = token
    case .deleted:
      status = StatusRecord(document, key.version, operation, .deleted)
      status.token = token
    case .superseded: status = StatusRecord(document, key.version, operation, .superseded)
    case .marked(let mark, let error):
      status = StatusRecord(document, key.version, operation, mark == .dropped ? .superseded : .failed)
      status.error = error
    }
    var result = [event(status, record)]
    if status.state == .indexed || status.state == .deleted {
      // What this version overtook will never show: its state is due now, whether its records come or not.
      for (version, operation) in states.withLock({ $0.open(document, below: key.version) }) {
        result.append(event(StatusRecord(document, version, operation, .superseded), record))
      }
    }
    return result
  }

  private func event(_ status: StatusRecord, _ record: ConsumerRecord) -> OutgoingRecord {
    states.withLock { $0.apply(status) }
    context.metrics.increment(.terminalStates, [("kind", "document"), ("state", status.state.rawValue)])
    var key = Array(status.id.utf8)
    if let document = status.document, let version = status.version {
      key = StatusKey.bytes(document, version, status.state)
    }
    return OutgoingRecord(
      topic: context.topic(.documentStatus), partition: record.position.partition, key: key,
      value: status.json.bytes,
      headers: record.passedHeaders)
  }
}
