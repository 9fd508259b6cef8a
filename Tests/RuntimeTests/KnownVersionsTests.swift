import Foundation
import KafkaClient
import Records
import Settings
import Stage
import TestSupport
import Testing

@testable import Ingest

// Goal: ingest recognises that rag.documents was made again, whatever its length, and where to begin without a commit.
// Method: topics with few records on a local broker, deleted and made again.

@Suite(.serialized, .timeLimit(.minutes(5))) struct KnownVersionsTests {
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

  /// Puts documents on partition 0 and writes that they are accepted, as ingest does.
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

  @Test("a topic that was made again is recognised when it is shorter and when it is longer than before")
  func recreated() async throws {
    try await accept(["a", "b", "c"])
    try await known().check([0, 1])
    for count in [1, 20] {
      // A running ingest knows what it has read.
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

  @Test("a record that compaction took says nothing; the next older one is compared")
  func compacted() async throws {
    try await accept(["a"])
    let known = try await known()
    // The newest known version has no record at its offset: the next one there is another.
    let gone = ConsumerRecord(
      position: RecordPosition(topic: context.topic(.documents), partition: 0, offset: 1),
      timestampMilliseconds: 7,
      key: nil, value: nil)
    try await accept(["b"])
    known.insert(gone, Version(epoch: 0, offset: 1))
    try await known.check([0])
  }

  @Test("a version of any epoch on the status topic can be overtaken by the setting")
  func epochs() throws {
    #expect(Version("4294967295.0") == nil)
    let highest = try #require(Version("\(Version.epochMax).0"))
    #expect(throws: Never.self) {
      try Settings(SettingsTable(flags: ["--ingest-epoch": "\(highest.epoch + 1)"]))
    }
  }

  @Test(
    "without a commit ingest begins at the lowest version without a terminal state, else after the highest")
  func starts() async throws {
    #expect(try await known().starts([0, 1]).isEmpty)
    try await accept(["a", "b", "c", "d"])
    for (id, offset, state) in [("a", 0, .indexed), ("c", 2, .failed)] as [(String, Int64, DocumentState)] {
      try await send(StatusRecord(key(id), Version(epoch: 1, offset: offset), .put, state))
    }
    // Repeated by a crash, after its state.
    try await send(StatusRecord(key("a"), Version(epoch: 1, offset: 0), .put, .accepted))
    #expect(try await known().starts([0, 1]) == [0: 1])
    for (id, offset) in [("b", 1), ("d", 3)] as [(String, Int64)] {
      try await send(StatusRecord(key(id), Version(epoch: 1, offset: offset), .put, .indexed))
    }
    #expect(try await known().starts([0, 1]) == [0: 4])
  }

  @Test("the reporter's commit says where the status topic is read from; one of a deleted topic says nothing")
  func reporterCommit() async throws {
    try await accept(["a", "b", "c"])
    try await send(StatusRecord(key("b"), Version(epoch: 1, offset: 1), .put, .indexed))
    let vectors = TopicPartition(context.topic(.vectors), 0)
    func commit(note: Int64) async throws {
      try await admin.commit(
        group: context.settings.group(.index(shard: 0, of: context.settings.search.layout)),
        [vectors: CommittedOffset(nextOffset: 0, metadata: "~1;0;c;0;0;0;;;\(note);")])
    }
    // Version 0 is open, but the commit says that none before the status of version 2 is.
    for (note, start) in [(0, 0), (2, 2), (4, 3), (5, 0)] as [(Int64, Int64)] {
      try await commit(note: note)
      #expect(try await known().starts([0, 1]) == [0: start], "note \(note)")
    }
  }

  @Test("a partition whose chunks wait for half of their topic's retention is held until they are embedded")
  func backlog() async throws {
    // Retention that is too short for a test is shown to the watch only: the topic keeps its own.
    let short = try StageContext(
      name: "ingest",
      settings: Settings(
        SettingsTable(flags: [
          "--kafka-bootstrap-servers": test.kafka.bootstrapServers, "--topics-chunks-retention": "4s",
        ])))
    let held = HeldPartitions()
    let watch = EmbedBacklogWatch(short, held)
    let chunks = TopicPartition(context.topic(.chunks), 3)
    try await context.producer.send(
      OutgoingRecord(topic: chunks.topic, partition: chunks.partition, key: [1], value: [1]))
    try await watch.look()
    #expect(!held.contains(3), "it has only just come")
    try await Task.sleep(for: .seconds(2.2))
    try await watch.look()
    #expect((0..<12).filter { held.contains($0) } == [3])
    try await admin.commit(
      group: context.settings.group(.embedDocuments), [chunks: CommittedOffset(nextOffset: 1)])
    try await watch.look()
    #expect(!held.contains(3), "embedded")
  }

  @Test("without a commit, a version whose `accepted` is not acknowledged yet is not passed")
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
