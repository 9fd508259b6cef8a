import Foundation
import KafkaClient
import Records
import Services
import Settings
import Stage
import Synchronization
import TestSupport
import Testing

// Goal: a batch stage ignores foreign partitions, and handles slow batches and records that are too large. Method:
// stages on the local broker with special work.

/// Works on the partitions above 0, and counts the records that it gets.
private final class Upper: BatchWork {
  let seen = Mutex<Set<Int32>>([])
  let count = Mutex(0)
  let isAssigned = Mutex(false)
  func ignores(_ partition: TopicPartition) -> Bool { partition.partition == 0 }
  /// Waits, so that records are fetched before the partitions can be paused.
  func assigned(_ partitions: [TopicPartition]) async throws {
    try await Task.sleep(for: .milliseconds(300))
    isAssigned.withLock { $0 = true }
  }
  func work(on records: [ConsumerRecord]) async throws -> [OutgoingRecord] {
    for record in records { seen.withLock { _ = $0.insert(record.position.partition) } }
    count.withLock { $0 += records.count }
    return []
  }
  func refused(_ record: ConsumerRecord, _ fault: RecordError) async throws -> [OutgoingRecord] { [] }
}

/// Passes records on to a topic that accepts only small records, and refused records to another topic.
private final class Passing: BatchWork, WindowWork {
  let context: StageContext
  init(_ context: StageContext) { self.context = context }

  func assigned(_ partitions: [TopicPartition]) async throws {}
  func revoked(_ partitions: [TopicPartition]) async {}

  func work(on records: [ConsumerRecord]) async throws -> [OutgoingRecord] {
    records.map { OutgoingRecord(topic: "small", partition: 0, key: $0.key, value: $0.value) }
  }

  func work(on record: ConsumerRecord, in flight: InFlight) async throws {
    try await context.producer.send(await work(on: [record]))
  }

  func refused(_ record: ConsumerRecord, _ fault: RecordError) async throws -> [OutgoingRecord] {
    [OutgoingRecord(topic: "refused", partition: 0, key: record.key, value: Array(fault.code.utf8))]
  }

  func refused(_ record: ConsumerRecord, _ fault: RecordError) async throws {
    let outputs: [OutgoingRecord] = try await refused(record, fault)
    try await context.producer.send(outputs)
  }
}

/// Needs 400 ms for each record.
private final class Slow: BatchWork {
  let batches = Mutex<[Int]>([])
  func work(on records: [ConsumerRecord]) async throws -> [OutgoingRecord] {
    batches.withLock { $0.append(records.count) }
    try await Task.sleep(for: .milliseconds(400) * records.count)
    return []
  }
  func refused(_ record: ConsumerRecord, _ fault: RecordError) async throws -> [OutgoingRecord] { [] }
}

@Suite(.serialized, .timeLimit(.minutes(10))) struct BatchStageTests {
  private func stageContext(_ test: TestBroker, _ flags: [String: String] = [:]) throws -> StageContext {
    let address = ["--kafka-bootstrap-servers": test.kafka.bootstrapServers]
    return try StageContext(
      name: "stage", settings: Settings(SettingsTable(flags: address.merging(flags) { $1 })))
  }

  @Test("a batch that takes longer than the poll interval is repeated in smaller batches and committed")
  func slow() async throws {
    let test = try TestBroker()
    let context = try stageContext(
      test,
      [
        "--kafka-session-timeout": "6s", "--kafka-poll-interval-max": "6s",
        "--ingest-parser-timeout": "100ms",
      ])
    let admin = KafkaAdmin(test.kafka)
    _ = try await admin.create([
      TopicPlan(name: "t", partitionCount: 1, replicationFactor: 1, settings: [:])
    ])
    _ = try await context.producer.send(
      (0..<24).map { OutgoingRecord(topic: "t", partition: 0, key: nil, value: Array("\($0)".utf8)) })
    let work = Slow()
    // A single member may commit after its removal from the group. With two members, each would repeat the work of the
    // other without end.
    let stages = (0..<2).map { _ in
      BatchStage(context, group: "g", topics: ["t"], batchRecordsMax: 64, work: work)
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for stage in stages { group.addTask { try await stage.run() } }
      let partition = TopicPartition("t", 0)
      let end = ContinuousClock.now + .seconds(45)
      var committed: Int64 = 0
      while committed != 24, ContinuousClock.now < end {
        try await Task.sleep(for: .milliseconds(50))
        committed = try await admin.committed(group: "g", [partition])[partition]?.nextOffset ?? 0
      }
      #expect(committed == 24, "\(work.batches.withLock { $0 })")
      for stage in stages { await stage.shutdown() }
      group.cancelAll()
      try await group.waitForAll()
    }
    await admin.close()
  }

  @Test("records of ignored partitions never reach the work, and nothing is committed for them")
  func ignored() async throws {
    let test = try TestBroker()
    let context = try stageContext(test)
    let admin = KafkaAdmin(test.kafka)
    _ = try await admin.create([
      TopicPlan(name: "t", partitionCount: 4, replicationFactor: 1, settings: [:])
    ])
    let body = [UInt8](repeating: 120, count: 100)
    func send(_ partitions: Range<Int32>) async throws {
      for partition in partitions {
        _ = try await context.producer.send(
          (0..<1000).map { _ in OutgoingRecord(topic: "t", partition: partition, key: nil, value: body) })
      }
    }
    // First fill only the ignored partition, so that its records arrive with the assignment, before it can be paused.
    try await send(0..<1)
    let work = Upper()
    let stage = BatchStage(context, group: "g", topics: ["t"], batchRecordsMax: 64, work: work)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await stage.run() }
      while !work.isAssigned.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(10)) }
      try await send(1..<4)
      while work.count.withLock({ $0 }) < 3000 { try await Task.sleep(for: .milliseconds(10)) }
      await stage.shutdown()
      try await group.waitForAll()
    }
    #expect(work.seen.withLock { $0 } == [1, 2, 3])
    let committed = try await admin.committed(group: "g", (0..<4).map { TopicPartition("t", $0) })
    #expect(committed[TopicPartition("t", 0)] == nil)
    #expect(committed.values.map(\.nextOffset).reduce(0, +) == 3000)
    await admin.close()
  }

  @Test(
    "a record too large for the next topic is refused; other records continue", arguments: [true, false])
  func refused(inBatches: Bool) async throws {
    let test = try TestBroker()
    let context = try stageContext(test)
    let admin = KafkaAdmin(test.kafka)
    _ = try await admin.create([
      TopicPlan(name: "t", partitionCount: 1, replicationFactor: 1, settings: [:]),
      TopicPlan(name: "refused", partitionCount: 1, replicationFactor: 1, settings: [:]),
      TopicPlan(
        name: "small", partitionCount: 1, replicationFactor: 1, settings: ["max.message.bytes": "1000"]),
    ])
    _ = try await context.producer.send(
      (0..<20).map { number in
        OutgoingRecord(
          topic: "t", partition: 0, key: Array("\(number)".utf8),
          value: [UInt8](repeating: 120, count: number % 7 == 3 ? 5000 : 10))
      })
    let work = Passing(context)
    let stage: any Service =
      inBatches
      ? BatchStage(context, group: "g", topics: ["t"], batchRecordsMax: 64, work: work)
      : WindowStage(
        context, group: "g", topic: "t", windowRecords: 4, gate: Gate(isOpen: true), mayWork: { true },
        work: work)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await stage.run() }
      let partition = TopicPartition("t", 0)
      while try await admin.committed(group: "g", [partition])[partition]?.nextOffset != 20 {
        try await Task.sleep(for: .milliseconds(20))
      }
      await stage.shutdown()
      try await group.waitForAll()
    }
    let (passed, refused) = (try await keys(test, "small"), try await keys(test, "refused"))
    #expect(refused == ["3", "10", "17"])
    #expect(passed.isSuperset(of: Set((0..<20).map { "\($0)" }).subtracting(refused)))
    await admin.close()
  }

  @Test("a copy that no topic accepts delays no other record")
  func copies() async throws {
    let test = try TestBroker()
    let admin = KafkaAdmin(test.kafka)
    _ = try await admin.create([
      TopicPlan(name: "t", partitionCount: 1, replicationFactor: 1, settings: [:]),
      TopicPlan(
        name: "small", partitionCount: 1, replicationFactor: 1, settings: ["max.message.bytes": "100"]),
    ])
    let producer = try KafkaProducer(test.kafka)
    let value = [UInt8](repeating: 120, count: 500)
    let positions = try await producer.send([
      OutgoingRecord(topic: "small", partition: 0, key: nil, value: value, isCopy: true),
      OutgoingRecord(topic: "t", partition: 0, key: nil, value: value),
      OutgoingRecord(topic: "nowhere", partition: 0, key: nil, value: value, isCopy: true),
      OutgoingRecord(topic: "t", partition: 0, key: nil, value: value, isCopy: true),
    ])
    #expect(positions.count == 1)
    let arrived = try await producer.send(OutgoingRecord(topic: "t", partition: 0, key: nil, value: value))
    #expect(arrived.offset == 2, "the valid copy was delivered")
    await producer.close(deadline: .zero)
    await admin.close()
  }

  private func keys(_ test: TestBroker, _ topic: String) async throws -> Set<String> {
    let reader = ReplayReader(test.kafka)
    try await reader.assign([TopicPartition(topic, 0): .beginning])
    let seen = Mutex<Set<String>>([])
    try await reader.readToEnd(limit: .seconds(10)) { records in
      seen.withLock { seen in
        for record in records { seen.insert(String(decoding: record.key ?? [], as: UTF8.self)) }
      }
    }
    await reader.close()
    return seen.withLock { $0 }
  }
}
