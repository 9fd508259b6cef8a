import Answered
import Foundation
import KafkaClient
import Records
import Settings
import Stage
import Synchronization
import TestSupport
import Testing

// Goal: answers of other processes become known, so that a query gets only one state when its partition moves.
// Method: the follower runs on a local broker; a producer takes the place of the other process.

@Suite(.serialized, .timeLimit(.minutes(10))) struct AnswersFollowerTests {
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
      TopicPlan(name: topic, partitionCount: partitionCount, replicationFactor: 1, settings: [:])
    ])
    await admin.close()
  }

  private func key(_ id: String) throws -> QueryKey {
    QueryKey(tenant: .standard, id: try #require(QueryID(id)))
  }

  private func answer(_ id: String, _ partition: Int32) async throws {
    _ = try await context.producer.send([
      OutgoingRecord(topic: topic, partition: partition, key: key(id).bytes, value: Array("{}".utf8))
    ])
  }

  private func partitions(_ numbers: Int32...) -> [TopicPartition] {
    numbers.map { TopicPartition(context.topic(.prompts), $0) }
  }

  /// - Returns: whether the id is known within 20 s.
  private func isKnown(_ id: String, to answered: AnsweredQueries) async throws -> Bool {
    let key = try key(id)
    let end = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < end {
      if answered.contains(key) { return true }
      try await Task.sleep(for: .milliseconds(20))
    }
    return false
  }

  @Test("a reader whose partitions are assigned many times survives and reads all records")
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
    try await create(2)
    let answered = AnsweredQueries(context)
    let follower = AnswersFollower(context, answered)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await follower.run() }
      try await answer("before", 0)
      try await answered.readBack(partitions(0))
      #expect(answered.contains(try key("before")), "read back")
      try await answer("elsewhere", 1)
      try await answer("after", 0)
      #expect(try await isKnown("after", to: answered))
      #expect(!answered.contains(try key("elsewhere")), "another member owns its partition")
      try await answered.readBack(partitions(0, 1))
      #expect(answered.contains(try key("elsewhere")), "read back after the rebalance")
      try await answer("moved", 1)
      #expect(try await isKnown("moved", to: answered))
      try test.restart()
      try await answer("restarted", 0)
      try await answer("restarted-too", 1)
      #expect(try await isKnown("restarted", to: answered))
      #expect(try await isKnown("restarted-too", to: answered))
      await follower.shutdown()
      try await group.waitForAll()
    }
  }
}
