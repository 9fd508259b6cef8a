import Answered
import Foundation
import KafkaClient
import Records
import Settings
import Stage
import Synchronization
import TestSupport
import Testing
import Time

// Goal: answers of other processes become known, so that a query gets only one terminal state when its partition
// moves. Method: the log runs on a local broker; a producer stands in for the other process.

@Suite(.serialized, .timeLimit(.minutes(10))) struct QueryLogTests {
  private let test: TestBroker
  private let context: StageContext
  private let topic: String

  init() throws {
    test = try TestBroker()
    context = try StageContext(
      name: "follower",
      settings: Settings(SettingsTable(flags: ["--kafka-bootstrap-servers": test.kafka.bootstrapServers])))
    topic = context.topic(.answers)
  }

  private func create(_ partitionCount: Int32) async throws {
    let admin = KafkaAdmin(test.kafka)
    _ = try await admin.create([
      TopicPlan(
        name: topic, partitionCount: partitionCount, replicationFactor: 1,
        settings: ["message.timestamp.type": "LogAppendTime"])
    ])
    await admin.close()
  }

  private func key(_ id: String) throws -> QueryKey {
    QueryKey(tenant: .standard, id: try #require(QueryID(id)))
  }

  private var settings: Settings { context.settings }

  private func partition(_ id: String) -> Int32 {
    Partitioner.partition(
      ofKey: Array("default/\(id)".utf8), partitionCount: context.settings.partitionCount(.answers))
  }

  private func answer(_ id: String, _ partition: Int32? = nil) async throws {
    _ = try await context.producer.send([
      OutgoingRecord(
        topic: topic, partition: partition ?? self.partition(id), key: key(id).bytes, value: Array("{}".utf8))
    ])
  }

  /// - Returns: whether the answer is known within 20 s.
  private func isKnown(_ id: String, to log: QueryLog, since: Int64 = 0) async throws -> Bool {
    let key = try key(id).bytes
    let end = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < end {
      if try await log.contains([.answered(key)], ofKey: key, since: since) { return true }
      try await Task.sleep(for: .milliseconds(20))
    }
    return false
  }

  @Test("a reader whose partitions are assigned 60 times still reads all records")
  func reassigned() async throws {
    try await create(12)
    for number in 0..<12 { try await answer("\(number)", Int32(number)) }
    let all = (0..<12).map { TopicPartition(topic, Int32($0)) }
    let reader = ReplayReader(test.kafka)
    for round in 0..<60 {
      try await reader.assign(Dictionary(uniqueKeysWithValues: all.map { ($0, .offset(0)) }))
      if round % 3 == 0 { _ = try await reader.next(maxRecords: 1, maxWait: .milliseconds(round % 7)) }
    }
    let count = Mutex(0)
    try await reader.readToEnd(limit: .seconds(20)) { records in count.withLock { $0 += records.count } }
    #expect(count.withLock { $0 } == 12)
    await reader.close()
  }

  @Test("answers of other processes are read back and followed, also after a rebalance and a broker restart")
  func follows() async throws {
    try await create(settings.partitionCount(.answers))
    let log = QueryLog(context, sources: [.answers], window: .seconds(600))
    let other = try #require(
      (0..<100).map { "elsewhere-\($0)" }.first { partition($0) != partition("before") })
    let now = WallClock.milliseconds
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await log.run() }
      try await answer("before")
      log.follow([partition("before")])
      let key = try key("before").bytes
      #expect(try await log.contains([.answered(key)], ofKey: key, since: now - 60_000), "answer is found")
      #expect(
        try await !log.contains([.answered(key)], ofKey: key, since: now + 60_000),
        "a query asked later has no answer")
      try await answer(other)
      log.follow([partition("before"), partition(other)])
      #expect(try await isKnown(other, to: log, since: now - 60_000), "found after the rebalance")
      try await answer("after")
      log.follow((0..<settings.partitionCount(.answers)).map { $0 })
      #expect(try await isKnown("after", to: log, since: now - 60_000))
      try test.restart()
      try await answer("restarted")
      #expect(try await isKnown("restarted", to: log, since: now - 60_000))
      await log.shutdown()
      try await group.waitForAll()
    }
  }

  @Test(
    "an answer older than the window is read back when needed, also from a partition that is not followed")
  func old() async throws {
    try await create(settings.partitionCount(.answers))
    for id in ["a", "b", "c"] { try await answer(id) }
    try await Task.sleep(for: .milliseconds(2500))
    // The window is one second, so all three answers are older.
    let log = QueryLog(context, sources: [.answers], window: .seconds(1))
    let since = WallClock.milliseconds - 3_600_000
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await log.run() }
      log.follow([partition("a")])
      for id in ["a", "b", "c"] {
        let key = try key(id).bytes
        #expect(try await log.contains([.answered(key)], ofKey: key, since: since), "\(id)")
        #expect(try await !log.contains([.finished(key, round: 0)], ofKey: key, since: since), "\(id)")
      }
      await log.shutdown()
      try await group.waitForAll()
    }
  }
}
