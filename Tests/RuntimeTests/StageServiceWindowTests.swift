import Foundation
import KafkaClient
import Records
import Settings
import Stage
import Synchronization
import TestSupport
import Testing

// Goal: a stage that takes records one by one works as fast as its window allows, and rebalances lose no record and
// repeat few. Method: stages on the local broker whose work is a pause, compared with the same pauses without Kafka;
// members join and leave.

/// Pauses for each record, and counts the records.
private final class Pausing: StageWork {
  private let pause: Duration
  let seen = Mutex<[String: Int]>([:])
  init(_ pause: Duration) { self.pause = pause }
  var distinct: Int { seen.withLock(\.count) }

  func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] { [] }

  func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws -> [Disposition] {
    for item in records {
      try await Task.sleep(for: pause)
      seen.withLock { $0[item.record.position.description, default: 0] += 1 }
    }
    return records.map { _ in .done([]) }
  }
}

/// Keeps its records until `mayFinish` is set. Leaves the records that `leaves` selects when their partition has moved.
private final class Leaving: StageWork {
  private let leaves: @Sendable (Int64) -> Bool
  /// How often work on each offset was started.
  let begun = Mutex<[Int64: Int]>([:])
  let finished = Mutex<[Int64]>([])
  let mayFinish = Mutex(false)

  init(_ leaves: @escaping @Sendable (Int64) -> Bool) { self.leaves = leaves }

  func count(_ offset: Int64) -> Int { begun.withLock { $0[offset] ?? 0 } }
  func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] { [] }

  func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws -> [Disposition] {
    var dispositions: [Disposition] = []
    for item in records { dispositions.append(try await work(on: item)) }
    return dispositions
  }

  private func work(on item: RecordInWork) async throws -> Disposition {
    let offset = item.record.position.offset
    begun.withLock { $0[offset, default: 0] += 1 }
    while !mayFinish.withLock({ $0 }) {
      if leaves(offset), !item.isOwned { return Disposition(.left) }
      try await Task.sleep(for: .milliseconds(5))
    }
    finished.withLock { $0.append(offset) }
    return .done([])
  }
}

@Suite(.serialized, .timeLimit(.minutes(10))) struct StageServiceWindowTests {
  private static let topic = "work"
  private static let group = "window"

  private let test: TestBroker
  private let context: StageContext

  init() throws {
    test = try TestBroker()
    context = try StageContext(
      name: "stage", settings: Self.settings(test))
  }

  private static func settings(_ test: TestBroker) throws -> Settings {
    let broker = [
      "--kafka-bootstrap-servers": test.kafka.bootstrapServers, "--kafka-session-timeout": "6s",
    ]
    return try Settings(SettingsTable(flags: broker))
  }

  private func stage(_ work: any StageWork, window: Int, in context: StageContext? = nil) -> StageService {
    StageService(
      context ?? self.context, group: Self.group, topics: [Self.topic], shape: .window(of: window), work: work
    )
  }

  private func fill(_ count: Int, partitions: Int32) async throws {
    let admin = KafkaAdmin(test.kafka)
    _ = try await admin.create([
      TopicPlan(name: Self.topic, partitionCount: partitions, replicationFactor: 1, settings: [:])
    ])
    await admin.close()
    try await send(count, partitions: partitions)
  }

  private func send(_ count: Int, partitions: Int32) async throws {
    let body = [UInt8](repeating: 120, count: 2000)
    _ = try await context.producer.send(
      (0..<count).map { number in
        OutgoingRecord(
          topic: Self.topic, partition: Int32(number) % partitions, key: Array("\(number)".utf8), value: body)
      })
  }

  private func committed(_ partitions: Int32) async throws -> Int64 {
    let admin = KafkaAdmin(test.kafka)
    let offsets = try await admin.committed(
      group: Self.group, (0..<partitions).map { TopicPartition(Self.topic, $0) })
    await admin.close()
    return offsets.values.reduce(0) { $0 + $1.nextOffset }
  }

  private func wait(until isDone: () -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while !isDone() {
      try #require(ContinuousClock.now < end, "the condition is not true after a minute")
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  @Test("a full window does not slow fetching down: 4,000 records with a window of 16")
  func throughput() async throws {
    let (count, window) = (4000, 16)
    try await fill(count, partitions: 8)
    let bare = Pausing(.milliseconds(2))
    let clock = ContinuousClock()
    let bareTime = try await clock.measure {
      try await withThrowingDiscardingTaskGroup { group in
        for _ in 0..<window {
          group.addTask { for _ in 0..<count / window { try await Task.sleep(for: .milliseconds(2)) } }
        }
      }
    }
    let stage = stage(bare, window: window)
    let time = try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await stage.run() }
      // Do not measure the time to join the group.
      try await wait { bare.distinct > 0 }
      let time = try await clock.measure { try await wait { bare.distinct == count } }
      await stage.shutdown()
      try await group.waitForAll()
      return time
    }
    print("window of 16: \(time / bareTime) times the bare work")
    #expect(time < bareTime * 8, "\(time) against \(bareTime)")
    #expect(try await committed(8) == Int64(count))
  }

  @Test("when members join and leave, each record is processed and everything is committed")
  func rebalances() async throws {
    let count = 8000
    try await fill(count, partitions: 8)
    // One member would need ten seconds. That is enough: the second member joins at a heartbeat of the first, and these
    // come every 1.2 s.
    let (first, second) = (Pausing(.milliseconds(10)), Pausing(.milliseconds(10)))
    let stages = [stage(first, window: 8), stage(second, window: 8)]
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await stages[0].run() }
      try await wait { first.distinct > 200 }
      group.addTask { try await stages[1].run() }
      try await wait { second.distinct > 200 }
      await stages[0].shutdown()
      while try await committed(8) < Int64(count) { try await Task.sleep(for: .milliseconds(50)) }
      await stages[1].shutdown()
      try await group.waitForAll()
    }
    let all = Set(first.seen.withLock { Array($0.keys) }).union(second.seen.withLock { Array($0.keys) })
    #expect(all.count == count, "each record was processed")
    let worked =
      (first.seen.withLock { $0.values.reduce(0, +) }) + second.seen.withLock { $0.values.reduce(0, +) }
    print("two rebalances: \(worked - count) of \(count) processed again")
    // Only records that were in flight, or were finished after the last commit, may be repeated.
    #expect(worked - count < 256)
    #expect(try await committed(8) == Int64(count))
  }

  @Test("when a partition moves, the former owner drops its waiting records, and can get them again later")
  func backlogMoves() async throws {
    let count = 3000
    try await fill(count, partitions: 1)
    // Range assignment sorts by member id, which begins with the client id: the second member comes first.
    let other = try StageContext(name: "another", settings: Self.settings(test))
    let (first, second) = (Pausing(.milliseconds(60)), Pausing(.milliseconds(20)))
    let stages = [stage(first, window: 8), stage(second, window: 8, in: other)]
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await stages[0].run() }
      try await wait { first.distinct > 50 }
      group.addTask { try await stages[1].run() }
      try await wait { second.distinct > 50 }
      let before = first.distinct
      try await wait { second.distinct > 500 }
      #expect(first.distinct - before <= 8, "records in flight are finished, waiting records are not started")
      let gauges = context.metrics.collect().first { $0.metric == .consumerLag }?.samples ?? [:]
      #expect(gauges.isEmpty, "the lag of the moved partition is still shown: \(gauges.keys)")
      #expect(before < 1500, "too few records were waiting: \(before) of 2,048 were processed")
      await stages[1].shutdown()
      while try await committed(1) < Int64(count) { try await Task.sleep(for: .milliseconds(50)) }
      await stages[0].shutdown()
      try await group.waitForAll()
    }
    let seen = first.seen.withLock { $0 }.merging(second.seen.withLock { $0 }, uniquingKeysWith: +)
    let repeated = seen.values.reduce(0, +) - seen.count
    print("moved with its backlog: \(repeated) of \(count) processed again")
    #expect(seen.count == count, "each record was processed")
    #expect(repeated < 64)
  }

  @Test("a leaving member commits only for its own partitions, and does not reset the commits of others")
  func leavingMember() async throws {
    let count = 400
    try await fill(count, partitions: 8)
    let (first, second) = (Pausing(.milliseconds(1)), Pausing(.milliseconds(1)))
    @Sendable func distinct() -> Int {
      let others = second.seen.withLock { Set($0.keys) }
      return first.seen.withLock { others.union($0.keys) }.count
    }
    let stages = [stage(first, window: 8), stage(second, window: 8)]
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await stages[0].run() }
      while try await committed(8) < Int64(count) { try await Task.sleep(for: .milliseconds(50)) }
      #expect(first.distinct == count, "the first member processed all")
      group.addTask { try await stages[1].run() }
      // The second member processes its half of the next 400 records.
      var sent = count
      while second.distinct == 0 {
        try await send(8, partitions: 8)
        sent += 8
        try await Task.sleep(for: .milliseconds(100))
      }
      try await send(count, partitions: 8)
      sent += count
      while try await committed(8) < Int64(sent) { try await Task.sleep(for: .milliseconds(50)) }
      await stages[0].shutdown()
      // Wait until the second member has noticed that the first one left, and owns all partitions.
      try await Task.sleep(for: .seconds(3))
      try await send(8, partitions: 8)
      // Count records that both members processed only once. Otherwise the second would be stopped too early.
      try await wait { distinct() >= sent + 8 }
      await stages[1].shutdown()
      try await group.waitForAll()
      #expect(try await committed(8) == Int64(sent + 8))
    }
    let seen = first.seen.withLock { $0 }.merging(second.seen.withLock { $0 }, uniquingKeysWith: +)
    let repeated = seen.values.reduce(0, +) - seen.count
    print("a member left: \(repeated) processed again")
    #expect(repeated <= 16)
  }

  @Test("a record left to the next owner is processed again when its partition returns; one in flight is not")
  func left() async throws {
    try await fill(2, partitions: 1)
    let other = try StageContext(name: "another", settings: Self.settings(test))
    // Offset 0 stays in flight, so the first member keeps its window.
    let (first, second) = (Leaving { $0 == 1 }, Leaving { _ in true })
    let stages = [stage(first, window: 8), stage(second, window: 8, in: other)]
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await stages[0].run() }
      try await wait { first.count(0) >= 1 && first.count(1) >= 1 }
      group.addTask { try await stages[1].run() }
      try await wait { second.count(0) >= 1 && second.count(1) >= 1 }
      await stages[1].shutdown()
      try await wait { first.count(1) >= 2 }
      #expect(try await committed(1) == 0, "nothing is finished")
      first.mayFinish.withLock { $0 = true }
      while try await committed(1) < 2 { try await Task.sleep(for: .milliseconds(50)) }
      await stages[0].shutdown()
      try await group.waitForAll()
    }
    #expect(first.count(0) == 1)
    #expect(first.finished.withLock { $0.sorted() } == [0, 1] && second.finished.withLock(\.isEmpty))
  }

  @Test("a record in flight that another owner finished in the meantime is not processed again")
  func leftAndFinished() async throws {
    try await fill(2, partitions: 1)
    let other = try StageContext(name: "another", settings: Self.settings(test))
    let mayLeave = Flag()
    let (first, second) = (Leaving { _ in mayLeave.isSet }, Leaving { _ in false })
    second.mayFinish.withLock { $0 = true }
    let stages = [stage(first, window: 8), stage(second, window: 8, in: other)]
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await stages[0].run() }
      try await wait { first.count(0) >= 1 && first.count(1) >= 1 }
      group.addTask { try await stages[1].run() }
      while try await committed(1) < 2 { try await Task.sleep(for: .milliseconds(50)) }
      await stages[1].shutdown()
      try await send(1, partitions: 1)
      try await wait { first.count(2) >= 1 }
      mayLeave.set()
      try await Task.sleep(for: .milliseconds(500))
      #expect(first.count(0) == 1 && first.count(1) == 1)
      first.mayFinish.withLock { $0 = true }
      while try await committed(1) < 3 { try await Task.sleep(for: .milliseconds(50)) }
      await stages[0].shutdown()
      try await group.waitForAll()
    }
    #expect(first.finished.withLock { $0 } == [2])
  }
}

private final class Flag: Sendable {
  private let state = Mutex(false)
  var isSet: Bool { state.withLock { $0 } }
  func set() { state.withLock { $0 = true } }
}
