import Foundation
import KafkaClient
import Records
import Services
import Settings
import Stage
import Synchronization
import TestSupport
import Testing

// Goal: a stage that takes records in batches skips the partitions that its work ignores, and a slow, broken or too
// large record does not hold up others. Method: stages on the local broker, with work made for each test.

/// Ignores partition 0, and counts the records that it gets.
private final class Upper: StageWork {
  let seen = Mutex<Set<Int32>>([])
  let count = Mutex(0)
  let isAssigned = Mutex(false)
  func ignores(_ partition: TopicPartition) -> Bool { partition.partition == 0 }
  /// Waits, so that records of the ignored partition that were fetched despite its pause would reach the next poll.
  func assigned(_ partitions: [TopicPartition: CommittedOffset?]) async throws -> [TopicPartition: Int64] {
    try await Task.sleep(for: .milliseconds(300))
    isAssigned.withLock { $0 = true }
    return [:]
  }
  func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws -> [Disposition] {
    for item in records { seen.withLock { _ = $0.insert(item.record.position.partition) } }
    count.withLock { $0 += records.count }
    return records.map { _ in .done([]) }
  }
  func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] { [] }
}

/// Passes records on to a topic, and rejected records to another one.
private final class Passing: StageWork {
  /// The topic of a record's output.
  private let topic: @Sendable (ConsumerRecord) -> String
  init(to topic: @escaping @Sendable (ConsumerRecord) -> String = { _ in "small" }) { self.topic = topic }

  func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws -> [Disposition] {
    records.map { item in
      .done([
        OutgoingRecord(
          topic: topic(item.record), partition: 0, key: item.record.key, value: item.record.value)
      ])
    }
  }

  func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] {
    [
      .records([
        OutgoingRecord(
          topic: "refused", partition: 0, key: record.key, value: Array(fault.code.rawValue.utf8))
      ])
    ]
  }
}

/// Needs 400 ms for each record, and stops when its time is up.
private final class Slow: StageWork {
  let batches = Mutex<[Int]>([])
  let worked = Mutex(0)
  func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws -> [Disposition] {
    batches.withLock { $0.append(records.count) }
    var dispositions: [Disposition] = []
    for _ in records {
      guard ContinuousClock.now < limit else {
        dispositions.append(Disposition(.notBegun))
        continue
      }
      try await Task.sleep(for: .milliseconds(400))
      worked.withLock { $0 += 1 }
      dispositions.append(.done([]))
    }
    return dispositions
  }
  func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] { [] }
}

/// Makes an output whose check is an hour old, then one whose check is current.
private final class Late: StageWork {
  let count = Mutex(0)
  let acknowledged = Mutex<[Int]>([])
  func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws -> [Disposition] {
    records.map { _ in
      Disposition(
        .done([
          .made {
            let number = self.count.withLock { count in
              count += 1
              return count
            }
            let checkedAt = Int64(Date().timeIntervalSince1970 * 1000) - (number == 1 ? 3_600_000 : 0)
            return Phase.Made(
              [OutgoingRecord(topic: "out", partition: 0, key: Array("\(number)".utf8), value: [1])],
              validUntil: checkedAt + 10_000
            ) { self.acknowledged.withLock { $0.append(number) } }
          }
        ]))
    }
  }
  func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] { [] }
}

/// Needs a second attempt for every seventh record.
private final class Hesitating: StageWork {
  struct NotYet: Error {}
  func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws -> [Disposition] {
    records.map { item in
      if item.record.position.offset % 7 == 3, item.attempt == 0 {
        return Disposition(.retry(after: .milliseconds(300), NotYet()))
      }
      return .done([OutgoingRecord(topic: "out", partition: 0, key: item.record.key, value: [1])])
    }
  }
  func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] { [] }
}

/// Fails the first six batches that contain offset 5.
private final class Failing: StageWork {
  struct Broken: Error {}
  /// How often each record was worked on together with others.
  let together = Mutex<[Int64: Int]>([:])
  let failures = Mutex(0)
  func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws -> [Disposition] {
    if records.count > 1 {
      together.withLock { counts in
        for item in records { counts[item.record.position.offset, default: 0] += 1 }
      }
    }
    if records.contains(where: { $0.record.position.offset == 5 }), failures.withLock({ $0 }) < 6 {
      failures.withLock { $0 += 1 }
      throw Broken()
    }
    return records.map { _ in .done([]) }
  }
  func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] { [] }
}

@Suite(.serialized, .timeLimit(.minutes(10))) struct StageServiceBatchTests {
  private func stageContext(_ test: TestBroker, _ flags: [String: String] = [:]) throws -> StageContext {
    let address = ["--kafka-bootstrap-servers": test.kafka.bootstrapServers]
    return try StageContext(
      name: "stage", settings: Settings(SettingsTable(flags: address.merging(flags) { $1 })))
  }

  private func create(_ test: TestBroker, _ plans: [(String, Int32, [String: String])]) async throws {
    let admin = KafkaAdmin(test.kafka)
    _ = try await admin.create(
      plans.map { TopicPlan(name: $0.0, partitionCount: $0.1, replicationFactor: 1, settings: $0.2) })
    await admin.close()
  }

  private func waitUntilCommitted(
    _ test: TestBroker, _ offsets: [Int32: Int64], within limit: Duration = .seconds(45)
  )
    async throws
  {
    let admin = KafkaAdmin(test.kafka)
    let end = ContinuousClock.now + limit
    var committed: [Int32: Int64] = [:]
    while committed.filter({ offsets[$0.key] != nil }) != offsets {
      try #require(ContinuousClock.now < end, "only \(committed) is committed")
      try await Task.sleep(for: .milliseconds(20))
      let found = try await admin.committed(group: "g", offsets.keys.map { TopicPartition("t", $0) })
      committed = Dictionary(uniqueKeysWithValues: found.map { ($0.key.partition, $0.value.nextOffset) })
    }
    await admin.close()
  }

  /// Runs stages until `body` returns.
  private func run(_ stages: [StageService], _ body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for stage in stages { group.addTask { try await stage.run() } }
      try await body()
      for stage in stages { await stage.shutdown() }
      try await group.waitForAll()
    }
  }

  @Test("a slow batch delays no rebalance: its records are finished in smaller batches, few of them twice")
  func slow() async throws {
    let test = try TestBroker()
    let context = try stageContext(
      test,
      [
        "--kafka-session-timeout": "6s", "--kafka-poll-interval-max": "6s",
        "--ingest-parser-timeout": "100ms",
      ])
    try await create(test, [("t", 1, [:])])
    _ = try await context.producer.send(
      (0..<48).map { OutgoingRecord(topic: "t", partition: 0, key: nil, value: Array("\($0)".utf8)) })
    let work = Slow()
    // All records in one batch would take longer (19 s) than a member may go without a poll (6 s).
    let stages = (0..<2).map { _ in
      StageService(context, group: "g", topics: ["t"], shape: .batches(of: 64, isOrdered: true), work: work)
    }
    try await run(stages) { try await waitUntilCommitted(test, [0: 48]) }
    #expect(work.worked.withLock { $0 } < 48 + 26, "\(work.batches.withLock { $0 })")
  }

  @Test("a record that fails its batch is found and tried alone, and its neighbours are finished")
  func failing() async throws {
    let test = try TestBroker()
    let context = try stageContext(test)
    try await create(test, [("t", 1, [:])])
    _ = try await context.producer.send(
      (0..<20).map { OutgoingRecord(topic: "t", partition: 0, key: nil, value: Array("\($0)".utf8)) })
    let work = Failing()
    let stage = StageService(
      context, group: "g", topics: ["t"], shape: .batches(of: 64, isOrdered: false), work: work)
    try await run([stage]) { try await waitUntilCommitted(test, [0: 20]) }
    let together = work.together.withLock { $0 }
    #expect(together.values.max() ?? 0 <= 2, "\(together)")
  }

  @Test("in an ordered stage, the records after one that is tried again wait for it")
  func order() async throws {
    let test = try TestBroker()
    let context = try stageContext(test)
    try await create(test, [("t", 2, [:]), ("out", 1, [:])])
    _ = try await context.producer.send(
      (0..<40).map { number in
        OutgoingRecord(topic: "t", partition: Int32(number % 2), key: Array("\(number)".utf8), value: [1])
      })
    let stage = StageService(
      context, group: "g", topics: ["t"], shape: .batches(of: 16, isOrdered: true), work: Hesitating())
    try await run([stage]) { try await waitUntilCommitted(test, [0: 20, 1: 20]) }
    let all = try await list(test, "out").compactMap { Int($0) }
    for partition in 0..<2 {
      #expect(all.filter { $0 % 2 == partition } == Array(stride(from: partition, to: 40, by: 2)))
    }
  }

  @Test(
    "an output that is appended too long after its check is made anew, and only then is its record finished")
  func late() async throws {
    let test = try TestBroker()
    let context = try stageContext(test)
    try await create(test, [("t", 1, [:]), ("out", 1, ["message.timestamp.type": "LogAppendTime"])])
    _ = try await context.producer.send(OutgoingRecord(topic: "t", partition: 0, key: nil, value: [1]))
    let work = Late()
    let stage = StageService(context, group: "g", topics: ["t"], shape: .window(of: 4), work: work)
    try await run([stage]) { try await waitUntilCommitted(test, [0: 1]) }
    #expect(try await keys(test, "out") == ["1", "2"], "readers ignore the first one")
    #expect(work.acknowledged.withLock { $0 } == [2])
  }

  @Test(
    "a topic that can't be written to holds up only the records that go there, and the worker is not ready",
    arguments: [true, false])
  func stuckOutput(isOrdered: Bool) async throws {
    let test = try TestBroker()
    let context = try stageContext(test)
    context.health.unblock("starting")
    try await create(test, [("t", 2, [:]), ("small", 1, [:])])
    func send(_ count: Int, _ partition: Int32) async throws {
      _ = try await context.producer.send(
        (0..<count).map {
          OutgoingRecord(topic: "t", partition: partition, key: nil, value: Array("\($0)".utf8))
        })
    }
    try await send(50, 0)
    try await send(50, 1)
    let work = Passing { $0.position.partition == 0 ? "missing" : "small" }
    let stage = StageService(
      context, group: "g", topics: ["t"], shape: .batches(of: 16, isOrdered: isOrdered), work: work)
    try await run([stage]) {
      try await waitUntilCommitted(test, [1: 50])
      for _ in 0..<10 {
        try await send(20, 1)
        try await Task.sleep(for: .milliseconds(50))
      }
      try await waitUntilCommitted(test, [1: 250])
      let end = ContinuousClock.now + .seconds(45)
      while context.health.isReady, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(50)) }
      #expect(!context.health.isReady, "a topic is missing")
      try await create(test, [("missing", 1, [:])])
      try await waitUntilCommitted(test, [0: 50], within: .seconds(90))
      #expect(context.health.isReady)
    }
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
    // First fill only the ignored partition, so that its records could be fetched before the stage pauses it.
    try await send(0..<1)
    let work = Upper()
    let stage = StageService(
      context, group: "g", topics: ["t"], shape: .batches(of: 64, isOrdered: false), work: work)
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
      TopicPlan(name: context.topic(.deadletters), partitionCount: 1, replicationFactor: 1, settings: [:]),
      TopicPlan(
        name: "small", partitionCount: 1, replicationFactor: 1, settings: ["max.message.bytes": "1000"]),
    ])
    _ = try await context.producer.send(
      (0..<20).map { number in
        OutgoingRecord(
          topic: "t", partition: 0, key: Array("\(number)".utf8),
          value: [UInt8](repeating: 120, count: number % 7 == 3 ? 5000 : 10))
      })
    let stage = StageService(
      context, group: "g", topics: ["t"],
      shape: inBatches ? .batches(of: 64, isOrdered: true) : .window(of: 4), work: Passing())
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

  @Test("a copy that can't be delivered does not delay other records")
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
    #expect(arrived.position.offset == 2, "the valid copy was delivered")
    await producer.close(deadline: .zero)
    await admin.close()
  }

  private func keys(_ test: TestBroker, _ topic: String) async throws -> Set<String> {
    Set(try await list(test, topic))
  }

  /// The keys of a topic's records, in their order.
  private func list(_ test: TestBroker, _ topic: String) async throws -> [String] {
    let reader = ReplayReader(test.kafka)
    try await reader.assign([TopicPartition(topic, 0): .beginning])
    let seen = Mutex<[String]>([])
    try await reader.readToEnd(limit: .seconds(10)) { records in
      seen.withLock { seen in
        for record in records { seen.append(String(decoding: record.key ?? [], as: UTF8.self)) }
      }
    }
    await reader.close()
    return seen.withLock { $0 }
  }

  @Test("only the first 64 headers of a record are read")
  func manyHeaders() async throws {
    let test = try TestBroker()
    try await create(test, [("in", 1, [:])])
    let producer = try KafkaProducer(test.kafka)
    let headers = (0..<2000).map { RecordHeader("name-\($0)", [1]) }
    try await producer.send([
      OutgoingRecord(topic: "in", partition: 0, key: [1], value: [2], headers: headers)
    ])
    await producer.close(deadline: .seconds(5))
    let read = Mutex<[ConsumerRecord]>([])
    try await withReader(test.kafka) { reader in
      try await reader.assign([TopicPartition("in", 0): .beginning])
      try await reader.readToEnd(limit: .seconds(20)) { records in read.withLock { $0 += records } }
    }
    let record = try #require(read.withLock { $0 }.first)
    #expect(record.value == [2] && record.headers.count == 64 && record.headers[63].name == "name-63")
  }
}
