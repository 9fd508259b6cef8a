import BlockingExecutor
import Failures
import KafkaClient
import Records
import Settings
import Stage

/// Produces documents and waits for their terminal states.
package struct DocumentClient: Sendable {
  package struct Outcome: Sendable {
    package var sent = 0
    /// Terminal states, and `accepted` events with warnings.
    package var states: [StatusRecord] = []
    /// Documents without a terminal state when the time was up.
    package var missing = 0

    package init() {}
  }

  /// Bytes for the head of a batch and the fields of a record: more than both take.
  private static let recordOverhead = 256
  private let settings: Settings
  private let kafka: KafkaConfiguration
  private let producer: KafkaProducer

  /// - Throws: `KafkaFailure` when the Kafka settings can't be used. Nothing is connected yet.
  package init(settings: Settings) throws {
    self.settings = settings
    kafka = settings.kafkaConfiguration(clientID: "millrace-documents")
    producer = try KafkaProducer(kafka)
  }

  /// Puts all documents and waits up to an hour until each is indexed or failed.
  ///
  /// - Throws: `Unavailable` when a document has no terminal state by then; `KafkaFailure`.
  package static func putAll(
    _ documents: [DocumentRecord], _ settings: Settings, progress: @Sendable (Int) -> Void
  ) async throws {
    let client = try DocumentClient(settings: settings)
    let outcome = try await client.send(
      documents.map(OutgoingDocument.init), waits: true, timeout: .seconds(3600), progress: progress)
    await client.close()
    guard outcome.missing == 0 else { throw Unavailable("\(outcome.missing) documents are not indexed") }
  }

  /// Gives unsent documents five seconds.
  package func close() async { await producer.close(deadline: .seconds(5)) }

  /// - Parameters:
  ///   - waits: whether to wait for terminal states; otherwise the broker's acknowledgements are enough.
  ///   - timeout: of the wait; the pipeline's work goes on after it.
  ///   - progress: called with the number of documents that have a terminal state.
  /// - Throws: `RecordTooLarge` before anything is sent; `KafkaFailure`.
  package func send(
    _ documents: [OutgoingDocument], waits: Bool, timeout: Duration,
    progress: @Sendable (Int) -> Void = { _ in }
  ) async throws -> Outcome {
    try checkSizes(documents)
    await BlockingCalls(name: "warm-up").run { producer.warmUp([settings.topic(.documents)]) }
    guard waits else {
      var outcome = Outcome()
      for batch in batches(documents) {
        outcome.sent += try await produce(batch).count
        progress(outcome.sent)
      }
      return outcome
    }
    return try await withReader(kafka) { reader in
      // Assigned before the first record is sent: no state can be missed.
      try await reader.assign(
        Dictionary(uniqueKeysWithValues: statusPartitions(documents).map { ($0, .end) }))
      var outcome = Outcome()
      var open: Set<String> = []
      let deadline = ContinuousClock.now + timeout
      for batch in batches(documents) {
        let positions = try await produce(batch)
        outcome.sent += positions.count
        for (document, position) in zip(batch, positions) {
          open.insert("\(document.key)@\(position.offset)")
        }
        try await collect(reader, &open, &outcome, wait: .zero)
        progress(outcome.sent - open.count)
      }
      while !open.isEmpty, ContinuousClock.now < deadline {
        try await collect(reader, &open, &outcome, wait: .milliseconds(300))
        progress(documents.count - open.count)
      }
      outcome.missing = open.count
      return outcome
    }
  }

  private func batches(_ documents: [OutgoingDocument]) -> [ArraySlice<OutgoingDocument>] {
    stride(from: 0, to: documents.count, by: 200).map { documents[$0..<min($0 + 200, documents.count)] }
  }

  private func statusPartitions(_ documents: [OutgoingDocument]) -> Set<TopicPartition> {
    let count = settings.partitionCount(.documentStatus)
    return Set(
      documents.map {
        let partition = Partitioner.partition(ofKey: $0.key.bytes, partitionCount: count)
        return TopicPartition(settings.topic(.documentStatus), partition)
      })
  }

  private func produce(_ batch: ArraySlice<OutgoingDocument>) async throws -> [RecordPosition] {
    let count = settings.partitionCount(.documents)
    return try await producer.send(
      batch.map { document in
        OutgoingRecord(
          topic: settings.topic(.documents),
          partition: Partitioner.partition(ofKey: document.key.bytes, partitionCount: count),
          key: document.key.bytes, value: document.value)
      })
  }

  /// A record that the broker refuses must not leave the others half done.
  private func checkSizes(_ documents: [OutgoingDocument]) throws(RecordTooLarge) {
    let setting = "topics.documents.recordBytesMax"
    guard let limit = Int(settings.table.text(setting)) else { return }
    for document in documents {
      let size = (document.value?.count ?? 0) + document.key.bytes.count + Self.recordOverhead
      guard size <= limit else {
        throw RecordTooLarge(id: document.key.id, byteCount: size, setting: setting, limit: limit)
      }
    }
  }

  private func collect(
    _ reader: ReplayReader, _ open: inout Set<String>, _ outcome: inout Outcome, wait: Duration
  ) async throws {
    for record in try await reader.next(maxRecords: 1000, maxWait: wait) {
      guard let value = record.value, let status = try? StatusRecord(value: value),
        let document = status.document, let version = status.version
      else { continue }
      let name = "\(document)@\(version.offset)"
      guard open.contains(name) else { continue }
      if status.state.isTerminal {
        open.remove(name)
        outcome.states.append(status)
      } else if !status.warnings.isEmpty {
        outcome.states.append(status)
      }
    }
  }
}
