import Foundation
import KafkaClient
import LocalBroker
import Records
import Synchronization
import Telemetry
import Testing

// Goal: the local broker keeps Kafka's contract for librdkafka, and what it acknowledged. Method: a broker in this
// process on a folder of its own, our client against it, restarts in between; raw frames for what no client sends.

final class TestBroker {
  let directory: String
  private(set) var broker: LocalBroker
  var kafka: KafkaConfiguration {
    KafkaConfiguration(bootstrapServers: "127.0.0.1:\(broker.port)", sessionTimeout: .seconds(6))
  }

  init() throws {
    directory =
      FileManager.default.temporaryDirectory.appendingPathComponent("broker-\(UUID().uuidString)").path
    broker = try LocalBroker(directory: directory, host: "127.0.0.1", port: 0)
    broker.start()
  }

  func restart() throws {
    let port = broker.port
    broker.stop()
    Thread.sleep(forTimeInterval: 0.3)
    broker = try LocalBroker(directory: directory, host: "127.0.0.1", port: port)
    broker.start()
  }

  deinit {
    broker.stop()
    try? FileManager.default.removeItem(atPath: directory)
  }
}

private func create(
  _ test: TestBroker, _ name: String, _ partitions: Int32 = 1, _ settings: [String: String] = [:]
) async throws {
  let admin = KafkaAdmin(test.kafka)
  _ = try await admin.create([
    TopicPlan(name: name, partitionCount: partitions, replicationFactor: 1, settings: settings)
  ])
  await admin.close()
}

private func readAll(_ test: TestBroker, _ topic: String, _ partitions: Int32 = 1) async throws
  -> [ConsumerRecord]
{
  let reader = ReplayReader(test.kafka)
  try await reader.assign(
    Dictionary(uniqueKeysWithValues: (0..<partitions).map { (TopicPartition(topic, $0), .beginning) }))
  let records = Mutex<[ConsumerRecord]>([])
  try await reader.readToEnd(limit: .seconds(30)) { batch in records.withLock { $0 += batch } }
  await reader.close()
  return records.withLock { $0 }
}

@Suite(.serialized, .timeLimit(.minutes(3))) struct BrokerTests {
  @Test("keys, null values, headers and the broker's time come back as they were sent, also after a restart")
  func fidelity() async throws {
    let test = try TestBroker()
    try await create(test, "t", 3, ["message.timestamp.type": "LogAppendTime", "cleanup.policy": "compact"])
    let producer = try KafkaProducer(test.kafka)
    let before = Int64(Date().timeIntervalSince1970 * 1000)
    let positions = try await producer.send([
      OutgoingRecord(
        topic: "t", partition: 2, key: Array("k".utf8), value: [0, 255],
        headers: [RecordHeader("h", [1, 0, 2])]),
      OutgoingRecord(topic: "t", partition: 2, key: Array("k".utf8), value: nil),
      OutgoingRecord(topic: "t", partition: 2, key: [], value: []),
    ])
    #expect(positions.map(\.offset) == [0, 1, 2])
    try test.restart()
    let records = try await readAll(test, "t", 3)
    #expect(records.map(\.value) == [[0, 255], nil, []])
    #expect(records[0].headers == [RecordHeader("h", [1, 0, 2])])
    #expect(
      records.allSatisfy {
        $0.timestampMilliseconds >= before - 1000 && $0.timestampMilliseconds < before + 60_000
      })
    let after = try await producer.send(OutgoingRecord(topic: "t", partition: 2, key: [1], value: [1]))
    #expect(after.offset == 3, "the producer's state and the offsets survived")
    await producer.close(deadline: .seconds(5))
  }

  @Test("keys without a partition go where Kafka's Java clients put them")
  func partitioner() async throws {
    let test = try TestBroker()
    try await create(test, "t", 12)
    let producer = try KafkaProducer(test.kafka)
    for index in 0..<50 {
      let key = Array("tenant/doc-\(index)".utf8)
      let position = try await producer.send(OutgoingRecord(topic: "t", key: key, value: [1]))
      #expect(position.partition == Partitioner.partition(ofKey: key, partitionCount: 12))
    }
    await producer.close(deadline: .seconds(5))
  }

  @Test("a fatal producer handle is replaced in place and nothing is lost")
  func fatalProducer() async throws {
    let test = try TestBroker()
    try await create(test, "t")
    let metrics = MetricsRegistry()
    let producer = try KafkaProducer(test.kafka, metrics: metrics)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<200 {
        group.addTask {
          try await producer.send(OutgoingRecord(topic: "t", key: Array("\(index)".utf8), value: [1]))
        }
        if index == 100 { producer.injectFatalError() }
      }
      try await group.waitForAll()
    }
    let keys = Set(try await readAll(test, "t").compactMap(\.key))
    #expect(keys.count == 200)
    #expect(metrics.collect().contains { $0.name == "millrace.producer.replacements" })
    await producer.close(deadline: .seconds(5))
  }

  @Test("partitions that were paused when the group rebalanced are read again after a resume")
  func resumeAfterRebalance() async throws {
    let test = try TestBroker()
    try await create(test, "t", 2)
    let first = KafkaConsumer(test.kafka, group: "g")
    try await first.subscribe(to: ["t"])
    var assigned: Set<TopicPartition> = []
    func poll(_ consumer: KafkaConsumer, until isDone: (ConsumerPoll) -> Bool) async throws {
      let limit = ContinuousClock.now + .seconds(30)
      while ContinuousClock.now < limit {
        let poll = try await consumer.poll(maxRecords: 10, maxWait: .milliseconds(100))
        if !poll.assigned.isEmpty { assigned = Set(poll.assigned) }
        if isDone(poll) { return }
      }
      Issue.record("nothing within 30 s")
    }
    try await poll(first) { !$0.assigned.isEmpty }
    try await first.pause(assigned)
    let second = KafkaConsumer(test.kafka, group: "g")
    try await second.subscribe(to: ["t"])
    let limit = ContinuousClock.now + .seconds(30)
    while assigned.count == 2, ContinuousClock.now < limit {
      _ = try await second.poll(maxRecords: 1, maxWait: .milliseconds(50))
      let moved = try await first.poll(maxRecords: 10, maxWait: .milliseconds(50))
      if !moved.assigned.isEmpty { assigned = Set(moved.assigned) }
    }
    await second.close()
    try await poll(first) { _ in assigned.count == 2 }
    try await first.resume(assigned)
    let producer = try KafkaProducer(test.kafka)
    try await producer.send(
      (0..<2).map { OutgoingRecord(topic: "t", partition: $0, key: nil, value: [UInt8($0)]) })
    var seen: Set<Int32> = []
    try await poll(first) { poll in
      for record in poll.records { seen.insert(record.position.partition) }
      return seen.count == 2
    }
    #expect(seen == [0, 1])
    await first.close()
    await producer.close(deadline: .seconds(5))
  }

  @Test("a group shares partitions, commits with metadata, and a new member goes on where it stopped")
  func groups() async throws {
    let test = try TestBroker()
    try await create(test, "t", 4)
    let producer = try KafkaProducer(test.kafka)
    try await producer.send(
      (0..<40).map { OutgoingRecord(topic: "t", partition: $0 % 4, key: nil, value: Array("\($0)".utf8)) })
    let first = KafkaConsumer(test.kafka, group: "g")
    try await first.subscribe(to: ["t"])
    var seen = 0
    while seen < 40 {
      let poll = try await first.poll(maxRecords: 100, maxWait: .milliseconds(200))
      seen += poll.records.count
      for record in poll.records where record.position.offset == 4 {
        try await first.commit([record.topicPartition: CommittedOffset(nextOffset: 5, metadata: "note")])
      }
    }
    let second = KafkaConsumer(test.kafka, group: "g")
    try await second.subscribe(to: ["t"])
    var assigned: [[TopicPartition]] = [[], []]
    let limit = ContinuousClock.now + .seconds(30)
    while assigned.contains(where: { $0.count != 2 }), ContinuousClock.now < limit {
      for (index, consumer) in [first, second].enumerated() {
        let poll = try await consumer.poll(maxRecords: 100, maxWait: .milliseconds(50))
        if !poll.assigned.isEmpty { assigned[index] = poll.assigned }
      }
    }
    #expect(Set(assigned[0]).union(assigned[1]).count == 4)
    let committed = try await second.committed([TopicPartition("t", 1)])
    #expect(committed[TopicPartition("t", 1)] == CommittedOffset(nextOffset: 5, metadata: "note"))
    await first.close()
    await second.close()
    let admin = KafkaAdmin(test.kafka)
    #expect(try await admin.lag(group: "g", [TopicPartition("t", 1)]) == [TopicPartition("t", 1): 5])
    try await admin.commit(group: "g", [TopicPartition("t", 1): 9])  // by a stranger, once the group is empty
    #expect(try await admin.lag(group: "g", [TopicPartition("t", 1)]) == [TopicPartition("t", 1): 1])
    await admin.close()
    await producer.close(deadline: .seconds(5))
  }

  @Test("metadata of a commit beyond 4,096 bytes and a stranger's commit into a living group are refused")
  func commitRefusals() async throws {
    let test = try TestBroker()
    try await create(test, "t")
    let consumer = KafkaConsumer(test.kafka, group: "g")
    try await consumer.subscribe(to: ["t"])
    var isAssigned = false
    while !isAssigned {
      isAssigned = try await !consumer.poll(maxRecords: 1, maxWait: .milliseconds(100)).assigned.isEmpty
    }
    await #expect(throws: KafkaFailure.self) {
      try await consumer.commit([
        TopicPartition("t", 0): CommittedOffset(nextOffset: 1, metadata: String(repeating: "x", count: 4097))
      ])
    }
    try await consumer.commit([
      TopicPartition("t", 0): CommittedOffset(nextOffset: 1, metadata: String(repeating: "x", count: 4096))
    ])
    let admin = KafkaAdmin(test.kafka)
    await #expect(throws: KafkaFailure.self) {
      try await admin.commit(group: "g", [TopicPartition("t", 0): 5])
    }
    await admin.close()
    await consumer.close()
  }

  @Test(
    "a record beyond max.message.bytes is refused by itself; a large batch is fetched whatever the limits")
  func sizes() async throws {
    let test = try TestBroker()
    try await create(test, "small")
    try await create(test, "large", 1, ["max.message.bytes": "8388608"])
    let producer = try KafkaProducer(test.kafka)
    await #expect {
      try await producer.send(
        OutgoingRecord(topic: "small", key: nil, value: [UInt8](repeating: 1, count: 2 << 20)))
    } throws: { ($0 as? KafkaFailure)?.kind == .rejected }
    try await producer.send(
      OutgoingRecord(topic: "large", key: nil, value: [UInt8](repeating: 1, count: 5 << 20)))
    try await producer.send(OutgoingRecord(topic: "large", key: nil, value: [7]))
    let records = try await readAll(test, "large")
    #expect(records.map { $0.value?.count } == [5 << 20, 1])
    await producer.close(deadline: .seconds(5))
  }

  @Test("offsets by time, and settings that no broker knows are refused")
  func offsetsAndSettings() async throws {
    let test = try TestBroker()
    try await create(test, "t", 1, ["message.timestamp.type": "LogAppendTime"])
    let producer = try KafkaProducer(test.kafka)
    try await producer.send(OutgoingRecord(topic: "t", key: nil, value: [1]))
    try await Task.sleep(for: .milliseconds(50))
    let middle = Int64(Date().timeIntervalSince1970 * 1000)
    try await Task.sleep(for: .milliseconds(50))
    try await producer.send(OutgoingRecord(topic: "t", key: nil, value: [2]))
    let reader = ReplayReader(test.kafka)
    try await reader.assign([TopicPartition("t", 0): .time(milliseconds: middle)])
    #expect(try await reader.currentPositions() == [TopicPartition("t", 0): 1])
    try await reader.assign([TopicPartition("t", 0): .time(milliseconds: middle + 100_000)])
    #expect(try await reader.currentPositions() == [TopicPartition("t", 0): 2])
    await reader.close()
    await #expect { try await create(test, "bad", 1, ["no.such.setting": "1"]) } throws: {
      "\($0)".contains("no.such.setting")
    }
    await producer.close(deadline: .seconds(5))
  }

  @Test("a long poll returns when a record comes, not before and not much later")
  func longPoll() async throws {
    let test = try TestBroker()
    try await create(test, "t")
    let producer = try KafkaProducer(test.kafka)
    let reader = ReplayReader(test.kafka)
    try await reader.assign([TopicPartition("t", 0): .beginning])
    _ = try await reader.next(maxRecords: 1, maxWait: .milliseconds(600))
    var waits: [Double] = []
    for _ in 0..<20 {
      try await Task.sleep(for: .milliseconds(30))
      let start = ContinuousClock.now
      try await producer.send(OutgoingRecord(topic: "t", key: nil, value: [1]))
      while try await reader.next(maxRecords: 1, maxWait: .seconds(2)).isEmpty {}
      waits.append((ContinuousClock.now - start).seconds)
    }
    // A poll that slept its 500 ms out would show here; the bound is far above any machine's noise.
    #expect(waits.sorted()[10] < 0.25)
    await reader.close()
    await producer.close(deadline: .seconds(5))
  }

  @Test("deleted topics are gone, with their records and offsets")
  func deletion() async throws {
    let test = try TestBroker()
    try await create(test, "t")
    let producer = try KafkaProducer(test.kafka)
    try await producer.send(OutgoingRecord(topic: "t", key: nil, value: [1]))
    let admin = KafkaAdmin(test.kafka)
    try await admin.delete(topic: "t")
    #expect(try await admin.topics()["t"] == nil)
    try await create(test, "t")
    #expect(try await readAll(test, "t").isEmpty)
    await admin.close()
    await producer.close(deadline: .seconds(5))
  }

  @Test("malformed frames close their own connection and harm no other")
  func malformed() async throws {
    let test = try TestBroker()
    try await create(test, "t")
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SeededGenerator(state: seed)
    for round in 0..<3000 {
      let socket = try RawSocket(port: test.broker.port)
      var body = (0..<Int.random(in: 8...80, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      if round % 2 == 0 {
        body[0] = 0
        body[1] =
          [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 18, 19, 20, 22].randomElement(using: &generator) ?? 0
        body[2] = 0
        body[3] = UInt8.random(in: 0...12, using: &generator)
      }
      var length = UInt32(body.count)
      if round % 7 == 0 { length = UInt32.random(in: 0...UInt32.max, using: &generator) }
      let frame = (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * UInt32($0))) } + body
      socket.send(frame)
    }
    let producer = try KafkaProducer(test.kafka)
    let position = try await producer.send(OutgoingRecord(topic: "t", key: nil, value: [1]))
    #expect(position.offset == 0, "seed \(seed)")
    await producer.close(deadline: .seconds(5))
  }
}

struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}

/// A socket that sends what no client would.
final class RawSocket {
  private let descriptor: Int32
  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let descriptor = descriptor
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(connected == 0)
  }
  deinit { close(descriptor) }
  func send(_ bytes: [UInt8]) { _ = write(descriptor, bytes, bytes.count) }
}
