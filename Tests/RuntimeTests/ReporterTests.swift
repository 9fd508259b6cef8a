import Engine
import Foundation
import KafkaClient
import Records
import Search
import Services
import Settings
@testable import Stage
import Synchronization
import TestSupport
import Testing

// Goal: the reporter begins at the oldest open version, notices that the status topic was recreated, and leaves records
// that its index can't read to another worker. Method: topics with few records on a local broker, and commits that
// point into them or beyond them.

@Suite(.serialized, .timeLimit(.minutes(20))) struct ReporterTests {
  private let test: TestBroker
  private let context: StageContext
  private let admin: KafkaAdmin
  private let index: SearchIndex
  private let reporter: Reporter

  init() async throws {
    test = try TestBroker()
    context = try StageContext(
      name: "reporter",
      settings: Settings(SettingsTable(flags: ["--kafka-bootstrap-servers": test.kafka.bootstrapServers])))
    admin = KafkaAdmin(test.kafka)
    _ = try await TopicSetup(settings: context.settings, admin: admin).create()
    index = SearchIndex(IndexOptions(model: ""), metrics: context.metrics, logger: context.logger)
    reporter = Reporter(context, partitions: [0], index: index)
  }

  private var vectors: TopicPartition { TopicPartition(context.topic(.vectors), 0) }

  private func accept(_ ids: [String]) async throws {
    for (offset, id) in ids.enumerated() {
      let key = DocumentKey(tenant: .standard, id: try #require(DocumentID(id)))
      let version = Version(epoch: 1, offset: Int64(offset))
      try await context.producer.send(
        OutgoingRecord(
          topic: context.topic(.documentStatus), partition: 0, key: StatusKey.bytes(key, version, .accepted),
          value: StatusRecord(key, version, .put, .accepted).json.bytes))
    }
  }

  private func assign(note: Int64) async throws {
    _ = try await reporter.assigned([
      vectors: CommittedOffset(nextOffset: 0, metadata: "~1;0;c;0;0;0;;;\(note);")
    ])
  }

  @Test("an assignment begins at the oldest open version; a note beyond the topic's end is ignored")
  func notes() async throws {
    try await accept(["a", "b", "c"])
    for (note, oldest) in [(0, 0), (1, 1), (3, 3), (50, 0)] as [(Int64, Int64)] {
      try await assign(note: note)
      #expect(try await reporter.readStates(0) != nil)
      #expect(reporter.note(for: vectors) == oldest, "note \(note)")
    }
  }

  @Test(
    "a status topic that is recreated while the reporter runs is read from its beginning")
  func recreated() async throws {
    try await accept((0..<10).map { "old-\($0)" })
    try await assign(note: 8)
    #expect(try await reporter.readStates(0) != nil)
    #expect(reporter.note(for: vectors) == 8)
    try await admin.delete(topic: context.topic(.documentStatus))
    _ = try await TopicSetup(settings: context.settings, admin: admin).create()
    try await accept((0..<2).map { "new-\($0)" })
    try await wait(for: "the new topic") {
      try await reporter.readStates(0) != nil && reporter.note(for: vectors) == 0
    }
  }

  @Test("a record whose partition is assigned anew during the work is never finished without a state")
  func assignedAnew() async throws {
    let ids = (0..<100).map { "page-\($0)" }
    try await accept(ids)
    var records: [ConsumerRecord] = []
    for (offset, id) in ids.enumerated() {
      let batch = try vectors(of: id, Int64(offset), model: "")
      records.append(
        ConsumerRecord(
          position: RecordPosition(topic: context.topic(.vectors), partition: 0, offset: Int64(offset)),
          timestampMilliseconds: 0, key: batch.key.bytes, value: batch.wireBytes))
    }
    #expect(try await index.apply(records))
    try await assign(note: 0)
    let (reporter, vectors) = (reporter, vectors)
    let end = ContinuousClock.now + .seconds(1)
    let assigning = Task {
      while ContinuousClock.now < end {
        _ = try await reporter.assigned([
          vectors: CommittedOffset(nextOffset: 0, metadata: "~1;0;c;0;0;0;;;0;")
        ])
      }
    }
    for record in records {
      var isOpen = true
      while isOpen {
        let item = RecordInWork(record, attempt: 0) { true }
        let disposition = try #require(
          try await reporter.work(on: [item], until: .now + .seconds(10)).first)
        guard case .done(let phases) = disposition.outcome else { continue }
        #expect(!phases.isEmpty, "\(record.position) is finished without a state")
        await disposition.settled?(true)
        isOpen = false
      }
    }
    _ = try await assigning.value
  }

  @Test("a search worker of another model is not ready, and leaves the states to a worker of the right one")
  func otherModel() async throws {
    let own = context.settings.encoder.model
    try await accept(["a"])
    try await put("a", 0, model: own)
    func worker(_ model: String) throws -> (
      StageContext, ServiceGroup, AsyncStream<Void>.Continuation, AsyncStream<Void>
    ) {
      let settings = try Settings(
        SettingsTable(flags: [
          "--kafka-bootstrap-servers": test.kafka.bootstrapServers, "--encoder-model": model,
        ]))
      let context = try StageContext(name: "search-0", settings: settings)
      let stopping = AsyncStream.makeStream(of: Void.self)
      let services = ServiceGroup(try SearchStage.services(context, shard: 0), graceDeadline: .seconds(60)) {
        Issue.record("\($0) did not stop")
      }
      return (context, services, stopping.continuation, stopping.stream)
    }
    func states() async throws -> [DocumentState] {
      let found = Mutex<[DocumentState]>([])
      try await withReader(test.kafka) { reader in
        try await reader.assign([TopicPartition(context.topic(.documentStatus), 0): .beginning])
        try await reader.readToEnd(limit: .seconds(10)) { records in
          for record in records {
            guard let value = record.value else { continue }
            let status = try StatusRecord(value: value)
            found.withLock { $0.append(status.state) }
          }
        }
      }
      return found.withLock { $0 }
    }
    let (blind, blindServices, stopBlind, blindStopped) = try worker("other/model")
    let (seeing, seeingServices, stopSeeing, seeingStopped) = try worker(own)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await blindServices.run(until: blindStopped) }
      blind.health.unblock("starting")
      try await wait(for: "the worker has looked") {
        blind.health.blockers.contains { $0.contains("can't read 1 documents") }
      }
      // Long enough for a faulty reporter to commit beyond the record.
      try await Task.sleep(for: .seconds(2))
      #expect(try await states() == [.accepted])
      #expect(!blind.health.isReady)
      // The first worker keeps running, and must leave the partitions to this one.
      group.addTask { try await seeingServices.run(until: seeingStopped) }
      seeing.health.unblock("starting")
      try await wait(for: "the state") { try await states() == [.accepted, .indexed] }
      try await wait(for: "ready") { seeing.health.isReady }
      #expect(!blind.health.isReady)
      stopBlind.finish()
      stopSeeing.finish()
      try await group.waitForAll()
    }
  }

  private func put(_ id: String, _ offset: Int64, model: String) async throws {
    let batch = try vectors(of: id, offset, model: model)
    try await context.producer.send(
      OutgoingRecord(
        topic: context.topic(.vectors), partition: 0, key: batch.key.bytes, value: batch.wireBytes))
  }

  private func vectors(of id: String, _ offset: Int64, model: String) throws -> VectorBatch {
    let key = DocumentKey(tenant: .standard, id: try #require(DocumentID(id)))
    var header = PartHeader(document: DocumentInfo(key: key, version: Version(epoch: 1, offset: offset)))
    header.digest = [UInt8](repeating: 1, count: 16)
    header.partCount = 1
    header.chunkCount = 1
    header.model = model
    var chunk = Chunk()
    chunk.text = "text"
    return VectorBatch(header: header, content: .vectors(chunks: [chunk], dimension: 2, values: [1, 0]))
  }

  private func wait(for what: String, _ isTrue: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(30)
    while try await !isTrue() {
      if ContinuousClock.now > end {
        Issue.record("waited in vain for \(what)")
        return
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }
}
