import Engine
import Foundation
import Ingest
import KafkaClient
import Records
import Search
import Settings
import Stage
import Telemetry
import TestSupport
import Time

/// Measures what one put costs, and how long an assignment takes, for growing numbers of documents and states.
enum Growth {
  /// `millrace-bench growth`: puts into indexes of different sizes, in one run. Vectors have 8 values, so that a
  /// million fit into memory. Apart from copying the vector, the work of a put does not depend on its length.
  static func puts() async throws {
    print(
      "processor time of one put (a record of rag.vectors applied, its decision and its states), by documents known"
    )
    for count in [1_000, 100_000, 1_000_000] {
      let index = SearchIndex(
        IndexOptions(model: ""), metrics: MetricsRegistry(), logger: Logger(label: "bench"))
      await index.begin()
      var open = OpenVersions(start: 0)
      var offset: Int64 = 0
      var statusOffset: Int64 = 0
      func put(_ number: Int) async throws {
        guard let document = document(number) else { return }
        let version = Version(epoch: 1, offset: offset)
        open.apply(StatusRecord(document, version, .put, .accepted), offset: statusOffset)
        let record = vectors(document, version, at: offset)
        try await index.apply([record])
        if let decision = await index.decision(0, offset) {
          let operation = open.operation(document, decision.version)
          for (older, _) in open.open(document, below: decision.version) { open.finish(document, older) }
          if operation != nil { open.finish(document, decision.version) }
        }
        _ = try await index.deadKeys(of: document)
        offset += 1
        statusOffset += 2
        if offset % 2048 == 0 {
          _ = await index.store(every: .zero)
          await index.mergeDue()
        }
        if offset % 256 == 0 { await index.forgetDecisions(before: [0: offset]) }
      }
      for number in 0..<count { try await put(number) }
      var random = SplitMix(state: 7)
      let updates = 20_000
      let start = clock()
      for _ in 0..<updates { try await put(Int.random(in: 0..<count, using: &random)) }
      let microseconds = Double(clock() - start) / Double(CLOCKS_PER_SEC) * 1e6 / Double(updates)
      print(String(format: "  %9d documents: %.1f us", count, microseconds))
    }
  }

  private static func document(_ number: Int) -> DocumentKey? {
    DocumentID("document-\(number)").map { DocumentKey(tenant: .standard, id: $0) }
  }

  private static func vectors(_ document: DocumentKey, _ version: Version, at offset: Int64) -> ConsumerRecord
  {
    var header = PartHeader(document: DocumentInfo(key: document, version: version))
    header.digest = [UInt8](repeating: UInt8(truncatingIfNeeded: offset), count: 16)
    header.partCount = 1
    header.chunkCount = 1
    var chunk = Chunk()
    chunk.text = "text"
    chunk.end = 4
    let batch = VectorBatch(
      header: header, content: .vectors(chunks: [chunk], dimension: 8, values: [1, 0, 0, 0, 0, 0, 0, 0]))
    return ConsumerRecord(
      position: RecordPosition(topic: "v", partition: 0, offset: offset), timestampMilliseconds: 1,
      key: batch.key.bytes, value: batch.wireBytes)
  }

  /// `millrace-bench assignments STATES`: fills `rag.document-status` of a local broker, then measures how long ingest
  /// and the reporter read at an assignment of all partitions, and how long ingest reads without a commit of its own:
  /// without the reporter's commits it reads the whole topic, with them only its end.
  static func assignments(states: Int) async throws {
    let test = try TestBroker()
    let context = try StageContext(
      name: "bench",
      settings: Settings(SettingsTable(flags: ["--kafka-bootstrap-servers": test.kafka.bootstrapServers])))
    let admin = KafkaAdmin(test.kafka)
    _ = try await TopicSetup(settings: context.settings, admin: admin).create()
    let count = Int(context.settings.partitionCount(.documentStatus))
    let documents = try await fillDocuments(context, count)
    try await fill(context, states, count, documents)
    for round in 1...3 {
      var watch = Stopwatch()
      let known = KnownVersions(context)
      try await known.read((0..<Int32(count)).map { $0 })
      try await known.check((0..<Int32(count)).map { $0 })
      print(String(format: "%d states, run %d: ingest %.2f s", states, round, watch.seconds), terminator: "")
      watch = Stopwatch()
      let index = SearchIndex(IndexOptions(model: ""), metrics: context.metrics, logger: context.logger)
      let reporter = Reporter(context, partitions: Set((0..<Int32(count)).map { $0 }), index: index)
      let ends = try await admin.ends(
        (0..<Int32(count)).map { TopicPartition(context.topic(.documentStatus), $0) })
      // The reporter must read the last 200 states of each partition, as after a commit in the middle of the work.
      let committed = Dictionary(
        uniqueKeysWithValues: (0..<Int32(count)).map { partition -> (TopicPartition, CommittedOffset?) in
          let end = ends[TopicPartition(context.topic(.documentStatus), partition)] ?? 0
          return (
            TopicPartition(context.topic(.vectors), partition),
            CommittedOffset(nextOffset: 5, metadata: "~1;5;c;0;0;0;;;\(max(0, end - 200));")
          )
        })
      _ = try await reporter.assigned(committed)
      for partition in 0..<Int32(count) { _ = try await reporter.readStates(partition) }
      print(String(format: ", reporter %.2f s", watch.seconds))
    }
    for hasReporter in [false, true] {
      if hasReporter { try await commitNotes(context, admin, count) }
      let watch = Stopwatch()
      let known = KnownVersions(context)
      try await known.read((0..<Int32(count)).map { $0 })
      let starts = try await known.starts((0..<Int32(count)).map { $0 })
      print(
        String(
          format: "ingest without a commit, %@ the reporter's: %.2f s (%d partitions)",
          hasReporter ? "with" : "without", watch.seconds, starts.count))
    }
    await admin.close()
    await context.producer.close(deadline: .seconds(5))
  }

  private static func commitNotes(_ context: StageContext, _ admin: KafkaAdmin, _ count: Int) async throws {
    let ends = try await admin.ends(
      (0..<Int32(count)).map { TopicPartition(context.topic(.documentStatus), $0) })
    try await admin.commit(
      group: context.settings.group(.index(shard: 0, of: context.settings.search.layout)),
      Dictionary(
        uniqueKeysWithValues: ends.map {
          (
            TopicPartition(context.topic(.vectors), $0.key.partition),
            CommittedOffset(nextOffset: 0, metadata: "~1;0;c;0;0;0;;;\(max(0, $0.value - 200));")
          )
        }))
  }

  /// Writes one record to each partition of `rag.documents`: that of the newest version, which ingest checks.
  private static func fillDocuments(_ context: StageContext, _ count: Int) async throws -> [Int:
    Acknowledgement]
  {
    var result: [Int: Acknowledgement] = [:]
    for partition in 0..<count {
      result[partition] = try await context.producer.send(
        OutgoingRecord(
          topic: context.topic(.documents), partition: Int32(partition), key: Array("default/x".utf8),
          value: [1]))
    }
    return result
  }

  private static func fill(
    _ context: StageContext, _ states: Int, _ count: Int, _ documents: [Int: Acknowledgement]
  ) async throws {
    let watch = Stopwatch()
    var batch: [OutgoingRecord] = []
    for number in 0..<states / 2 {
      let partition = number % count
      let isLast = number + count >= states / 2
      guard let document = document(number) else { continue }
      // Only the newest version of a partition has a record in `rag.documents`, as if the others had been compacted
      // away.
      let acknowledgement = isLast ? documents[partition] : nil
      let version = Version(epoch: 1, offset: acknowledgement?.position.offset ?? 0)
      var accepted = StatusRecord(document, version, .put, .accepted)
      accepted.recordedAtMilliseconds = acknowledgement?.timestampMilliseconds
      let indexed = StatusRecord(document, version, .put, .indexed)
      for status in [accepted, indexed] {
        batch.append(
          OutgoingRecord(
            topic: context.topic(.documentStatus), partition: Int32(partition),
            key: StatusKey.bytes(document, version, status.state), value: status.json.bytes))
      }
      if batch.count >= 8000 {
        try await context.producer.send(batch)
        batch = []
      }
    }
    try await context.producer.send(batch)
    print(String(format: "%d states written in %.0f s", states, watch.seconds))
  }
}
