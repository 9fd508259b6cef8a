import BlockingExecutor
import CommandLine
import Foundation
import KafkaClient
import Records
import Settings
import Stage

/// Produces documents and waits for their terminal states.
struct DocumentClient: Sendable {
  struct Outcome: Sendable {
    var sent = 0
    /// Terminal states, and `accepted` events that carried a warning.
    var states: [StatusRecord] = []
    var missing = 0
  }

  /// A batch's head and a record's fields, generously.
  private static let recordOverhead = 256
  private let settings: Settings
  private let kafka: KafkaConfiguration
  private let producer: KafkaProducer

  init(settings: Settings) throws {
    self.settings = settings
    kafka = settings.kafkaConfiguration(clientID: "millrace-documents")
    producer = try KafkaProducer(kafka)
  }

  /// Puts all of them and waits until each has its state; for what measures a pipeline that holds them.
  static func putAll(_ documents: [DocumentRecord], _ settings: Settings) async throws {
    let client = try DocumentClient(settings: settings)
    let outcome = try await client.send(
      documents.map { OutgoingDocument(key: $0.key, value: $0.json.bytes) }, waits: true,
      timeout: .seconds(3600), showsProgress: true)
    await client.close()
    guard outcome.missing == 0 else {
      throw Unavailable(description: "\(outcome.missing) documents are not indexed")
    }
  }

  func close() async { await producer.close(deadline: .seconds(5)) }

  func send(_ documents: [OutgoingDocument], waits: Bool, timeout: Duration, showsProgress: Bool) async throws
    -> Outcome
  {
    try checkSizes(documents)
    let reader = ReplayReader(kafka)
    let count = settings.partitionCount(.documents)
    let partitions = Set(documents.map { Partitioner.partition(ofKey: $0.key.bytes, partitionCount: count) })
    let topic = settings.topic(.documentStatus)
    // Before the first record is sent: no state can come too early.
    if waits {
      try await reader.assign(
        Dictionary(uniqueKeysWithValues: partitions.map { (TopicPartition(topic, $0), .end) }))
    }
    await BlockingCalls(name: "warm-up").run { producer.warmUp([settings.topic(.documents)]) }
    var outcome = Outcome()
    var open: Set<String> = []
    let deadline = ContinuousClock.now + timeout
    for batch in stride(from: 0, to: documents.count, by: 200).map({
      documents[$0..<min($0 + 200, documents.count)]
    }) {
      let positions = try await producer.send(
        batch.map { document in
          OutgoingRecord(
            topic: settings.topic(.documents),
            partition: Partitioner.partition(ofKey: document.key.bytes, partitionCount: count),
            key: document.key.bytes,
            value: document.value)
        })
      outcome.sent += positions.count
      for (document, position) in zip(batch, positions) { open.insert("\(document.key)@\(position.offset)") }
      if waits { try await collect(reader, &open, &outcome, wait: .zero) }
      if showsProgress { Terminal.bar(outcome.sent - open.count, of: documents.count, "indexed") }
    }
    guard waits else { return outcome }
    while !open.isEmpty, ContinuousClock.now < deadline {
      try await collect(reader, &open, &outcome, wait: .milliseconds(300))
      if showsProgress { Terminal.bar(documents.count - open.count, of: documents.count, "indexed") }
    }
    if showsProgress, Terminal.isInteractive { Terminal.complain("") }
    outcome.missing = open.count
    await reader.close()
    return outcome
  }

  /// Before the first is sent: a record that the broker refuses must not leave the others half done.
  private func checkSizes(_ documents: [OutgoingDocument]) throws {
    let setting = "topics.documents.recordBytesMax"
    guard let limit = Int(settings.table.text(setting)) else { return }
    for document in documents {
      let size = (document.value?.count ?? 0) + document.key.bytes.count + Self.recordOverhead
      guard size <= limit else {
        throw UsageError(
          "\(document.key.id): \(size) bytes as a record must be at most \(setting), \(limit); "
            + "bytes that are no text grow by a third")
      }
    }
  }

  private func collect(
    _ reader: ReplayReader, _ open: inout Set<String>, _ outcome: inout Outcome, wait: Duration
  )
    async throws
  {
    for record in try await reader.next(maxRecords: 1000, maxWait: wait) {
      guard let value = record.value, let status = try? StatusRecord(value: value),
        let document = status.document,
        let version = status.version
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
