import Foundation
import KafkaClient
import Records
import Settings
import Stage
import Synchronization
import TestSupport
import Testing
import Time

// Goal: topics and groups that someone else or an earlier release created are corrected, or reported if they break a
// promise. Method: such topics and commits on a local broker.

@Suite(.serialized, .timeLimit(.minutes(20))) struct TopicSetupTests {
  private let test: TestBroker
  init() throws { test = try TestBroker() }

  private func settings(_ flags: [String: String] = [:]) throws -> Settings {
    let address = ["--kafka-bootstrap-servers": test.kafka.bootstrapServers]
    return try Settings(SettingsTable(flags: address.merging(flags) { $1 }))
  }

  private func withSetup<Result: Sendable>(
    _ settings: Settings, _ body: (TopicSetup, KafkaAdmin) async throws -> Result
  ) async throws -> Result {
    let admin = KafkaAdmin(test.kafka)
    let result = try await body(TopicSetup(settings: settings, admin: admin), admin)
    await admin.close()
    return result
  }

  @Test("metadata of another client is read up to its first NUL; an impossible offset counts as no commit")
  func foreignCommits() async throws {
    let settings = try settings()
    try await withSetup(settings) { setup, admin in
      _ = try await setup.create()
      let (first, second) = (TopicPartition("rag.vectors", 0), TopicPartition("rag.vectors", 1))
      // A copy of the metadata may end at the NUL. Reading this many bytes from it would read beyond its end.
      let metadata = "x\u{0}" + String(repeating: "y", count: 4000)
      try await admin.commit(
        group: "rag-index-3-0",
        [
          first: CommittedOffset(nextOffset: 7, metadata: metadata),
          second: CommittedOffset(nextOffset: .max),
        ])
      let found = try await admin.committed(group: "rag-index-3-0", [first, second])
      #expect(found == [first: CommittedOffset(nextOffset: 7, metadata: "x")])
      try await admin.commit(
        group: "rag-search-3-0",
        [TopicPartition("rag.searches", 0), TopicPartition("rag.searches", 1)].reduce(into: [:]) {
          $0[$1] = CommittedOffset(nextOffset: 1 << 62)
        })
    }
    // A new layout takes over the commits of the former one, but no impossible offset.
    try await withSetup(try self.settings(["--search-shards": "2"])) { setup, admin in
      _ = try await setup.create()
      let taken = try await admin.committed(group: "rag-index-2-0", [TopicPartition("rag.vectors", 0)])
      #expect(taken.values.allSatisfy { $0.nextOffset < 1 << 60 })
      let searches = [TopicPartition("rag.searches", 0), TopicPartition("rag.searches", 1)]
      let begun = try await admin.committed(group: "rag-search-2-0", searches)
      #expect(begun.count == 2 && begun.values.allSatisfy { $0.nextOffset < 1 << 60 }, "\(begun)")
    }
  }

  @Test("topic settings that break a promise are reported and corrected; other settings are kept")
  func madeByOthers() async throws {
    let settings = try settings()
    try await withSetup(settings) { setup, admin in
      _ = try await admin.create([
        TopicPlan(
          name: "rag.vectors", partitionCount: 12, replicationFactor: 1, settings: ["segment.ms": "3600000"]),
        TopicPlan(
          name: "rag.answers", partitionCount: 24, replicationFactor: 1,
          settings: ["cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"]),
        TopicPlan(
          name: "rag.chunks", partitionCount: 12, replicationFactor: 1,
          settings: [
            "message.timestamp.type": "LogAppendTime", "retention.ms": "-1", "max.message.bytes": "8000000",
          ]),
      ])
      let problems = try await setup.problems()
      #expect(
        Set(problems.map { "\($0.topic) \($0.setting)" }) == [
          "rag.vectors cleanup.policy", "rag.vectors message.timestamp.type", "rag.vectors max.message.bytes",
          "rag.vectors min.compaction.lag.ms", "rag.vectors delete.retention.ms",
          "rag.answers cleanup.policy",
          "rag.answers max.message.bytes",
        ])
      let outcome = try await setup.create()
      #expect(outcome.altered.contains { $0.hasPrefix("rag.vectors: cleanup.policy from delete to compact") })
      #expect(try await setup.problems().isEmpty)
      let kept = try await admin.settings(ofTopics: ["rag.vectors", "rag.chunks"])
      #expect(kept["rag.vectors"]?["segment.ms"] == TopicSetting(value: "3600000", isOwn: true))
      #expect(kept["rag.chunks"]?["retention.ms"]?.value == "-1", "a longer retention is allowed")
      #expect(try await setup.create().altered.isEmpty)
    }
  }

  @Test("the groups of a new layout begin at the commits of the last layout")
  func newLayout() async throws {
    try await withSetup(try settings()) { setup, admin in
      _ = try await setup.create()
      let producer = try KafkaProducer(test.kafka)
      let (searches, vectors) = (TopicPartition("rag.searches", 3), TopicPartition("rag.vectors", 3))
      for name in ["rag.searches", "rag.vectors"] {
        try await producer.send(
          (0..<10).map { _ in OutgoingRecord(topic: name, partition: 3, key: [1], value: [1]) })
      }
      await producer.close(deadline: .seconds(5))
      try await admin.commit(
        group: "rag-search-1-0", [searches: CommittedOffset(nextOffset: 7, metadata: "~1;7;c;0;0;0;;;;")])
      try await admin.commit(
        group: "rag-index-1-0", [vectors: CommittedOffset(nextOffset: 6, metadata: "~1;6;c;0;0;0;;;42;")])
      _ = try await TopicSetup(settings: settings(["--search-shards": "2"]), admin: admin).create()
      for shard in 0..<2 {
        let found = try await admin.committed(group: "rag-search-2-\(shard)", [searches])[searches]
        #expect(found == CommittedOffset(nextOffset: 7), "without the metadata of the old shard")
      }
      let index = try await admin.committed(group: "rag-index-2-1", [vectors])[vectors]
      #expect(index.flatMap { StageNote.read($0) } == 42 && index?.nextOffset == 6)
    }
  }

  @Test("groups that are named after the topic prefix take over the commits of their former names")
  func formerNames() async throws {
    let own = try settings(["--kafka-topic-prefix": "b."])
    try await withSetup(own) { setup, admin in
      _ = try await admin.create(
        own.topics.map {
          TopicPlan(
            name: own.topic($0.topic), partitionCount: Int32($0.partitionCount), replicationFactor: 1,
            settings: $0.settings)
        })
      let documents = TopicPartition("b.documents", 0)
      let producer = try KafkaProducer(test.kafka)
      try await producer.send(
        (0..<9).map {
          OutgoingRecord(topic: "b.documents", partition: 0, key: Array("default/\($0)".utf8), value: [1])
        })
      await producer.close(deadline: .seconds(5))
      try await admin.commit(group: "rag-ingest", [documents: CommittedOffset(nextOffset: 9)])
      _ = try await setup.create()
      let ingest = try await admin.committed(
        group: "b.ingest", [documents, TopicPartition("b.documents", 1)])
      #expect(ingest[documents]?.nextOffset == 9 && ingest.count == 2)
    }
  }

  @Test(
    "commits beyond the end of a topic, and records that were deleted unfinished, are reported")
  func groupProblems() async throws {
    try await withSetup(try settings()) { setup, admin in
      _ = try await setup.create()
      #expect(try await setup.groupProblems().isEmpty)
      try await admin.commit(
        group: "rag-ingest", [TopicPartition("rag.documents", 3): CommittedOffset(nextOffset: 9)])
      #expect(
        try await setup.groupProblems().map(\.description) == [
          "group rag-ingest: its commit 9 on rag.documents[3] is beyond the end 0: the topic was made again"
        ])
    }
    let partition = TopicPartition("t", 0)
    func kinds(_ committed: Int64, isCompacted: Bool) -> [GroupCheck.Problem.Kind] {
      GroupCheck.problems(
        "g", committed: [partition: committed], isCompacted: isCompacted, beginnings: [partition: 5],
        ends: [partition: 9]
      ).map(\.kind)
    }
    #expect([4, 5, 9, 10].map { kinds($0, isCompacted: false) } == [[.deletedBefore], [], [], [.beyondEnd]])
    #expect(kinds(4, isCompacted: true).isEmpty)
  }
}
