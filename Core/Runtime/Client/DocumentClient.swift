import BlockingExecutor
import Failures
import KafkaClient
import Records
import Settings
import Stage

/// Produces documents and waits for their terminal states.
package struct DocumentClient: Sendable {
  /// How far the documents of one call have come.
  package struct Outcome: Sendable {
    package var sent = 0
    /// Terminal states, and `accepted` events with warnings.
    package var states: [StatusRecord] = []
    /// Documents without a terminal state at the timeout.
    package var missing = 0

    package init() {}
  }

  /// Bytes reserved for the header of a batch and for the fields of a record, which together need less.
  private static let recordOverhead = 256
  private let settings: Settings
  private let kafka: KafkaConfiguration
  private let producer: KafkaProducer

  /// - Throws: `KafkaFailure` when the Kafka settings can't be used. There is no connection yet.
  package init(settings: Settings) throws {
    self.settings = settings
    kafka = settings.kafkaConfiguration(clientID: "millrace-documents")
    producer = try KafkaProducer(kafka)
  }

  /// Puts all documents and waits up to an hour until each has its terminal state.
  ///
  /// - Throws: `Unavailable` when a document has no terminal state by then; `RecordTooLarge`; `KafkaFailure`.
  package static func putAll(
    _ documents: [DocumentRecord], _ settings: Settings, progress: @Sendable (Int) -> Void
  ) async throws {
    let client = try DocumentClient(settings: settings)
    let outcome = try await client.send(
      documents.map(OutgoingDocument.init), waits: true, timeout: .seconds(3600), progress: progress)
    await client.close()
    guard outcome.missing == 0 else {
      throw Unavailable("\(outcome.missing) documents have no terminal state after an hour")
    }
  }

  /// Waits up to five seconds for unsent documents.
  package func close() async { await producer.close(deadline: .seconds(5)) }

  /// Produces the documents and their deletions.
  ///
  /// - Parameters:
  ///   - waits: true waits for terminal states, false only for the broker's acknowledgements.
  ///   - timeout: the limit of the wait. The pipeline's work goes on after it.
  ///   - rate: the most records to send in a second; nil for no limit.
  ///   - progress: called with the number of documents that have a terminal state, or, without a wait, that
  ///     are sent.
  /// - Throws: `RecordTooLarge` before anything is sent; `KafkaFailure`.
  package func send(
    _ documents: [OutgoingDocument], waits: Bool, timeout: Duration, rate: Int? = nil,
    progress: @Sendable (Int) -> Void = { _ in }
  ) async throws -> Outcome {
    try checkSizes(documents)
    await BlockingCalls(name: "warm-up").run { producer.warmUp([settings.topic(.documents)]) }
    guard waits else {
      var outcome = Outcome()
      for batch in batches(documents, rate) {
        let next = ContinuousClock.now + Self.pause(after: batch.count, rate)
        outcome.sent += try await produce(batch).count
        progress(outcome.sent)
        if rate != nil, outcome.sent < documents.count { try await Task.sleep(until: next) }
      }
      return outcome
    }
    return try await withReader(kafka) { reader in
      // Assigned before the first record is sent: no state can be missed.
      try await reader.assign(
        Dictionary(uniqueKeysWithValues: statusPartitions(documents).map { ($0, .end) }))
      var outcome = Outcome()
      var open: Set<String> = []
      // The status of a record that makes no version names the record's position instead.
      var places: [String: String] = [:]
      let deadline = ContinuousClock.now + timeout
      for batch in batches(documents, rate) {
        let next = ContinuousClock.now + Self.pause(after: batch.count, rate)
        let acknowledgements = try await produce(batch)
        outcome.sent += acknowledgements.count
        for (document, acknowledgement) in zip(batch, acknowledgements) {
          let position = acknowledgement.position
          let name = "\(document.key)@\(position.offset)"
          open.insert(name)
          places[position.description] = name
        }
        try await collect(reader, &open, places, &outcome, wait: .zero)
        progress(outcome.sent - open.count)
        while rate != nil, outcome.sent < documents.count, ContinuousClock.now < next {
          try await collect(reader, &open, places, &outcome, wait: .milliseconds(50))
          progress(outcome.sent - open.count)
        }
      }
      while !open.isEmpty, ContinuousClock.now < deadline {
        try await collect(reader, &open, places, &outcome, wait: .milliseconds(300))
        progress(documents.count - open.count)
      }
      outcome.missing = open.count
      return outcome
    }
  }

  private func batches(_ documents: [OutgoingDocument], _ rate: Int?) -> [ArraySlice<OutgoingDocument>] {
    let count = min(200, max(1, rate ?? 200))
    return stride(from: 0, to: documents.count, by: count).map {
      documents[$0..<min($0 + count, documents.count)]
    }
  }

  /// How long a batch may take at this rate.
  private static func pause(after count: Int, _ rate: Int?) -> Duration {
    rate.map { .seconds(Double(count) / Double(max(1, $0))) } ?? .zero
  }

  private func statusPartitions(_ documents: [OutgoingDocument]) -> Set<TopicPartition> {
    // States are written to the partition that has the same number as the document's.
    let count = settings.partitionCount(.documents)
    return Set(
      documents.map {
        let partition = Partitioner.partition(ofKey: $0.key.bytes, partitionCount: count)
        return TopicPartition(settings.topic(.documentStatus), partition)
      })
  }

  private func produce(_ batch: ArraySlice<OutgoingDocument>) async throws -> [Acknowledgement] {
    let count = settings.partitionCount(.documents)
    return try await producer.send(
      batch.map { document in
        OutgoingRecord(
          topic: settings.topic(.documents),
          partition: Partitioner.partition(ofKey: document.key.bytes, partitionCount: count),
          key: document.recordKey, value: document.value)
      })
  }

  /// Checks all sizes first: if the broker refused one record later, the others would already be sent.
  private func checkSizes(_ documents: [OutgoingDocument]) throws(RecordTooLarge) {
    let setting = "topics.documents.recordBytesMax"
    guard let limit = Int(settings.table.text(setting)) else { return }
    for document in documents {
      let size = (document.value?.count ?? 0) + document.recordKey.count + Self.recordOverhead
      guard size <= limit else {
        throw RecordTooLarge(id: document.key.id, byteCount: size, setting: setting, limit: limit)
      }
    }
  }

  private func collect(
    _ reader: ReplayReader, _ open: inout Set<String>, _ places: [String: String], _ outcome: inout Outcome,
    wait: Duration
  ) async throws {
    for record in try await reader.next(maxRecords: 1000, maxWait: wait) {
      guard let value = record.value, let status = try? StatusRecord(value: value) else { continue }
      var name = places[status.id] ?? ""
      if let document = status.document, let version = status.version {
        name = "\(document)@\(version.acceptedAt)"
      }
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
