import Foundation
import KafkaClient
import Records
import Settings
import Stage
import Synchronization
import TestSupport
import Testing

@testable import Ingest

// Goal: ingest recognises that rag.documents was recreated, whatever its length, and knows where to begin without a
// commit. Method: topics with few records on a local broker, deleted and recreated.

@Suite(.serialized, .timeLimit(.minutes(20))) struct KnownVersionsTests {
  private let test: TestBroker
  private let context: StageContext
  private let admin: KafkaAdmin

  init() async throws {
    test = try TestBroker()
    context = try StageContext(
      name: "ingest",
      settings: Settings(SettingsTable(flags: ["--kafka-bootstrap-servers": test.kafka.bootstrapServers])))
    admin = KafkaAdmin(test.kafka)
    _ = try await TopicSetup(settings: context.settings, admin: admin).create()
  }

  private func key(_ id: String) throws -> DocumentKey {
    DocumentKey(tenant: .standard, id: try #require(DocumentID(id)))
  }

  /// Puts documents on partition 0 and writes their `accepted` events, as ingest does.
  private func accept(_ ids: [String]) async throws {
    for id in ids {
      let key = try key(id)
      let put = try await context.producer.send(
        OutgoingRecord(
          topic: context.topic(.documents), partition: 0, key: key.bytes, value: Array(#"{"text":"x"}"#.utf8))
      )
      var status = StatusRecord(key, Version(epoch: 1, offset: put.position.offset), .put, .accepted)
      status.recordedAtMilliseconds = put.timestampMilliseconds
      try await send(status)
    }
  }

  private func send(_ status: StatusRecord) async throws {
    let (document, version) = (try #require(status.document), try #require(status.version))
    try await context.producer.send(
      OutgoingRecord(
        topic: context.topic(.documentStatus), partition: 0,
        key: StatusKey.bytes(document, version, status.state), value: status.json.bytes))
  }

  private func known() async throws -> KnownVersions {
    let known = KnownVersions(context)
    try await known.read([0, 1])
    return known
  }

  @Test("a recreated topic is recognised whether it is shorter or longer than before")
  func recreated() async throws {
    try await accept(["a", "b", "c"])
    try await known().check([0, 1])
    for count in [1, 20] {
      // A running ingest knows the versions from before the deletion.
      let running = try await known()
      try await admin.delete(topic: context.topic(.documents))
      _ = try await TopicSetup(settings: context.settings, admin: admin).create()
      for number in 0..<count {
        try await context.producer.send(
          OutgoingRecord(
            topic: context.topic(.documents), partition: 0, key: key("\(number)").bytes,
            value: Array(#"{"text":"x"}"#.utf8)))
      }
      await #expect(throws: StageFatal.self, "\(count) records, running") { try await running.check([0]) }
      await #expect(throws: StageFatal.self, "\(count) records, at the start") {
        try await known().check([0])
      }
    }
  }

  @Test("a newest known version whose record was compacted away is not compared; the next older one is")
  func compacted() async throws {
    let topic = context.topic(.documents)
    try await admin.delete(topic: topic)
    _ = try await admin.create([
      TopicPlan(
        name: topic, partitionCount: 12, replicationFactor: 1,
        settings: [
          "cleanup.policy": "compact", "min.compaction.lag.ms": "0", "min.cleanable.dirty.ratio": "0.01",
          "message.timestamp.type": "LogAppendTime",
        ])
    ])
    try await accept(["a", "b"])
    let known = try await known()
    // Ingest has not accepted the newer record of b yet. The newest batch is never compacted.
    for id in ["b", "c"] {
      try await context.producer.send(
        OutgoingRecord(topic: topic, partition: 0, key: key(id).bytes, value: Array(#"{"text":"y"}"#.utf8)))
    }
    var offsets: [Int64] = []
    for _ in 0..<100 where offsets != [0, 2, 3] {
      try await Task.sleep(for: .milliseconds(100))
      offsets = try await withReader(test.kafka) { reader in
        try await reader.assign([TopicPartition(topic, 0): .beginning])
        let found = Mutex<[Int64]>([])
        try await reader.readToEnd(limit: .seconds(30)) { records in
          found.withLock { $0 += records.map(\.position.offset) }
        }
        return found.withLock { $0 }
      }
    }
    #expect(offsets == [0, 2, 3])
    try await known.check([0])
  }

  @Test("ingest.epoch can be set above the epoch of every valid version")
  func epochs() throws {
    #expect(Version("4294967295.0") == nil)
    let highest = try #require(Version("\(Version.epochMax).0"))
    #expect(throws: Never.self) {
      try Settings(SettingsTable(flags: ["--ingest-epoch": "\(highest.epoch + 1)"]))
    }
  }

  @Test(
    "without a commit ingest begins at the lowest version without a terminal state, or else after the last")
  func starts() async throws {
    #expect(try await known().starts([0, 1]).isEmpty)
    try await accept(["a", "b", "c", "d"])
    for (id, offset, state) in [("a", 0, .indexed), ("c", 2, .failed)] as [(String, Int64, DocumentState)] {
      try await send(StatusRecord(key(id), Version(epoch: 1, offset: offset), .put, state))
    }
    // An `accepted` event that was repeated after a crash, behind the terminal state.
    try await send(StatusRecord(key("a"), Version(epoch: 1, offset: 0), .put, .accepted))
    #expect(try await known().starts([0, 1]) == [0: 1])
    for (id, offset) in [("b", 1), ("d", 3)] as [(String, Int64)] {
      try await send(StatusRecord(key(id), Version(epoch: 1, offset: offset), .put, .indexed))
    }
    #expect(try await known().starts([0, 1]) == [0: 4])
  }

  @Test("the status topic is read from the reporter's note; a note beyond its end is ignored")
  func reporterCommit() async throws {
    try await accept(["a", "b", "c"])
    try await send(StatusRecord(key("b"), Version(epoch: 1, offset: 1), .put, .indexed))
    let vectors = TopicPartition(context.topic(.vectors), 0)
    func commit(note: Int64) async throws {
      try await admin.commit(
        group: context.settings.group(.index(shard: 0, of: context.settings.search.layout)),
        [vectors: CommittedOffset(nextOffset: 0, metadata: "~1;0;c;0;0;0;;;\(note);")])
    }
    // Version 0 is open, but a note of 2 says that no version before status record 2 is open.
    for (note, start) in [(0, 0), (2, 2), (4, 3), (5, 0)] as [(Int64, Int64)] {
      try await commit(note: note)
      #expect(try await known().starts([0, 1]) == [0: start], "note \(note)")
    }
  }

  @Test("a partition whose chunks have waited for half the retention is held until they are embedded")
  func backlog() async throws {
    // Only the watches get these short retentions. The topic keeps its own, so the record is not deleted meanwhile.
    let held = HeldPartitions()
    func watch(retention: String) throws -> EmbedBacklogWatch {
      let table = try SettingsTable(flags: [
        "--kafka-bootstrap-servers": test.kafka.bootstrapServers, "--topics-chunks-retention": retention,
      ])
      return try EmbedBacklogWatch(StageContext(name: "ingest", settings: Settings(table)), held)
    }
    let chunks = TopicPartition(context.topic(.chunks), 3)
    try await context.producer.send(
      OutgoingRecord(topic: chunks.topic, partition: chunks.partition, key: [1], value: [1]))
    try await watch(retention: "40s").look()
    #expect(!held.contains(3), "the chunk has only just arrived")
    try await Task.sleep(for: .seconds(2.2))
    let watch = try watch(retention: "4s")
    try await watch.look()
    #expect((0..<12).filter { held.contains($0) } == [3])
    try await admin.commit(
      group: context.settings.group(.embedDocuments), [chunks: CommittedOffset(nextOffset: 1)])
    try await watch.look()
    #expect(!held.contains(3), "the chunk is embedded")
  }

  @Test("without a commit, ingest does not begin after a version whose `accepted` is not acknowledged")
  func planned() async throws {
    let known = try await known()
    let planned = ConsumerRecord(
      position: RecordPosition(topic: context.topic(.documents), partition: 0, offset: 7),
      timestampMilliseconds: 7,
      key: nil, value: nil)
    known.insert(planned, Version(epoch: 1, offset: 7))
    #expect(try await known.starts([0]).isEmpty)
    try await accept(["a", "b"])
    for (id, offset) in [("a", 0), ("b", 1)] as [(String, Int64)] {
      try await send(StatusRecord(key(id), Version(epoch: 1, offset: offset), .put, .indexed))
    }
    try await known.read([0])
    known.insert(planned, Version(epoch: 1, offset: 7))
    #expect(try await known.starts([0]) == [0: 2])
  }
}
