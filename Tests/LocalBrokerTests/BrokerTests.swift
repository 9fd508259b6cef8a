import Foundation
import KafkaClient
import LocalBroker
import Records
import Synchronization
import Telemetry
import TestSupport
import Testing
import Time

// Goal: the local broker behaves like Kafka for librdkafka, and keeps every acknowledged record. Method: a broker in
// this process with its own folder, our client, and restarts of the broker. Raw frames test requests that no client
// sends.

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

@Suite(.serialized, .timeLimit(.minutes(10))) struct BrokerTests {
  @Test("values, null values, headers, timestamps and offsets survive a restart of the broker")
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
    #expect(positions.map(\.position.offset) == [0, 1, 2])
    try test.restart()
    let records = try await readAll(test, "t", 3)
    #expect(records.map(\.value) == [[0, 255], nil, []])
    #expect(records[0].headers == [RecordHeader("h", [1, 0, 2])])
    #expect(
      records.allSatisfy {
        $0.timestampMilliseconds >= before - 1000 && $0.timestampMilliseconds < before + 60_000
      })
    let after = try await producer.send(OutgoingRecord(topic: "t", partition: 2, key: [1], value: [1]))
    #expect(after.position.offset == 3, "the producer's state and the offsets survived")
    await producer.close(deadline: .seconds(5))
  }

  @Test("records without a partition go to the partition that Kafka's Java clients choose")
  func partitioner() async throws {
    let test = try TestBroker()
    try await create(test, "t", 12)
    let producer = try KafkaProducer(test.kafka)
    for index in 0..<50 {
      let key = Array("tenant/doc-\(index)".utf8)
      let position = try await producer.send(OutgoingRecord(topic: "t", key: key, value: [1]))
      #expect(position.position.partition == Partitioner.partition(ofKey: key, partitionCount: 12))
    }
    await producer.close(deadline: .seconds(5))
  }

  @Test("a producer handle with a fatal error is replaced, and nothing is lost")
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
    #expect(metrics.collect().contains { $0.metric.name == "millrace.producer.replacements" })
    await producer.close(deadline: .seconds(5))
  }

  @Test("a poll returns when partitions are assigned, although it would wait longer for a record")
  func assignmentEndsPoll() async throws {
    let test = try TestBroker()
    try await create(test, "t", 2)
    let consumer = KafkaConsumer(test.kafka, group: "g")
    try await consumer.subscribe(to: ["t"])
    let start = ContinuousClock.now
    let poll = try await consumer.poll(maxRecords: 10, maxWait: .seconds(60))
    #expect(poll.assigned.count == 2 && poll.records.isEmpty)
    #expect(ContinuousClock.now - start < .seconds(45), "the poll must not wait its whole minute")
    await consumer.close()
  }

  @Test("partitions that were paused during a rebalance are read again after a resume")
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

  @Test("a group's members share its partitions; every member can read committed offsets and metadata")
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
    // Another client may commit when the group is empty.
    try await admin.commit(group: "g", [TopicPartition("t", 1): CommittedOffset(nextOffset: 9)])
    #expect(try await admin.lag(group: "g", [TopicPartition("t", 1)]) == [TopicPartition("t", 1): 1])
    await admin.close()
    await producer.close(deadline: .seconds(5))
  }

  @Test("commit metadata over 4,096 bytes, and a commit to an active group by a non-member, are refused")
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
      try await admin.commit(group: "g", [TopicPartition("t", 0): CommittedOffset(nextOffset: 5)])
    }
    await admin.close()
    await consumer.close()
  }

  @Test("a record over max.message.bytes is refused; a batch over the fetch limits is still fetched")
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

  @Test("offsets are found by time; unknown topic settings are refused")
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

  @Test("a long poll returns soon after a record arrives")
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
    // A poll that waited its full 500 ms would exceed this limit, which is far above the noise of a machine.
    #expect(waits.sorted()[10] < 0.25)
    await reader.close()
    await producer.close(deadline: .seconds(5))
  }

  @Test("a deleted topic is gone, and a new topic of the same name is empty")
  func deletion() async throws {
    let test = try TestBroker()
    try await create(test, "t")
    let producer = try KafkaProducer(test.kafka)
    try await producer.send(OutgoingRecord(topic: "t", key: nil, value: [1]))
    let admin = KafkaAdmin(test.kafka)
    await #expect(throws: KafkaFailure.self, "a topic that does not exist") {
      try await admin.delete(topic: "never")
    }
    try await admin.delete(topic: "t")
    #expect(try await admin.topics()["t"] == nil)
    try await create(test, "t")
    #expect(try await readAll(test, "t").isEmpty)
    await admin.close()
    await producer.close(deadline: .seconds(5))
  }

  @Test("compaction keeps the newest record of each key at its offset, and tombstones for their retention")
  func compaction() async throws {
    let test = try TestBroker()
    try await create(
      test, "c", 1,
      [
        "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "15000",
        "min.compaction.lag.ms": "300", "message.timestamp.type": "LogAppendTime",
      ])
    let producer = try KafkaProducer(test.kafka)
    var newest: [String: Int64] = [:]
    for round in 0..<30 {
      // Batches contain several keys, so that records are removed from the middle of a batch.
      let records = (0..<7).map { number in
        OutgoingRecord(
          topic: "c", partition: 0, key: Array("k\((round * 3 + number) % 10)".utf8), value: [UInt8(round)])
      }
      for (record, position) in zip(records, try await producer.send(records)) {
        newest[String(decoding: record.key ?? [], as: UTF8.self)] = position.position.offset
      }
    }
    let dead = try await producer.send(
      OutgoingRecord(topic: "c", partition: 0, key: Array("k3".utf8), value: nil))
    newest["k3"] = dead.position.offset
    // The newest batch is never cleaned.
    let last = try await producer.send(
      OutgoingRecord(topic: "c", partition: 0, key: Array("last".utf8), value: [1]))
    newest["last"] = last.position.offset
    func found() async throws -> [String: Int64] {
      var found: [String: Int64] = [:]
      for record in try await readAll(test, "c") {
        let key = String(decoding: record.key ?? [], as: UTF8.self)
        #expect(found[key] == nil || found[key] ?? 0 < record.position.offset)
        found[key] = record.position.offset
      }
      return found
    }
    var count = 0
    for _ in 0..<100 {
      count = try await readAll(test, "c").count
      if count == newest.count { break }
      try await Task.sleep(for: .milliseconds(100))
    }
    #expect(count == newest.count)
    #expect(try await found() == newest, "each key's newest record is kept at its offset")
    #expect(try await readAll(test, "c").contains { $0.value == nil }, "the tombstone is kept")
    try test.restart()
    #expect(try await found() == newest)
    // After delete.retention.ms the tombstone is removed. The end offset does not change, and new records follow it.
    newest["k3"] = nil
    for _ in 0..<600 {
      if try await found() == newest { break }
      try await Task.sleep(for: .milliseconds(100))
    }
    #expect(try await found() == newest)
    let next = try await producer.send(
      OutgoingRecord(topic: "c", partition: 0, key: Array("k1".utf8), value: [9]))
    #expect(next.position.offset == last.position.offset + 1)
    await producer.close(deadline: .seconds(5))
  }

  @Test("records younger than min.compaction.lag.ms are not compacted")
  func compactionLag() async throws {
    let test = try TestBroker()
    try await create(
      test, "c", 1,
      [
        "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "min.compaction.lag.ms": "600000",
        "message.timestamp.type": "LogAppendTime",
      ])
    let producer = try KafkaProducer(test.kafka)
    for value in 0..<10 as Range<UInt8> {
      try await producer.send(OutgoingRecord(topic: "c", partition: 0, key: [1], value: [value]))
    }
    try await Task.sleep(for: .seconds(2))
    #expect(try await readAll(test, "c").count == 10)
    await producer.close(deadline: .seconds(5))
  }

  @Test("retention removes records by age and by size; offsets continue, also when no record is left")
  func retention() async throws {
    let test = try TestBroker()
    try await create(
      test, "age", 1, ["retention.ms": "1500", "message.timestamp.type": "LogAppendTime"])
    try await create(test, "size", 1, ["retention.ms": "-1", "retention.bytes": "20000"])
    try await create(test, "keep", 1, ["retention.ms": "-1"])
    let producer = try KafkaProducer(test.kafka)
    for topic in ["age", "size", "keep"] {
      for _ in 0..<50 {
        try await producer.send(
          OutgoingRecord(topic: topic, partition: 0, key: nil, value: [UInt8](repeating: 7, count: 1000)))
      }
    }
    func starts(_ topic: String) async throws -> Int64 {
      let admin = KafkaAdmin(test.kafka)
      let start = try await admin.beginnings([TopicPartition(topic, 0)])[TopicPartition(topic, 0)] ?? -1
      await admin.close()
      return start
    }
    for _ in 0..<100 {
      if try await starts("age") == 50, try await starts("size") > 25 { break }
      try await Task.sleep(for: .milliseconds(100))
    }
    let (age, size) = (try await starts("age"), try await starts("size"))
    #expect(age == 50 && (25...31).contains(size))
    #expect(try await starts("keep") == 0)
    #expect(try await readAll(test, "age").isEmpty)
    #expect(try await readAll(test, "size").count == 50 - Int(size))
    try test.restart()
    #expect(try await starts("age") == 50)
    let next = try await producer.send(OutgoingRecord(topic: "age", partition: 0, key: nil, value: [1]))
    #expect(next.position.offset == 50, "an offset is never used twice")
    await producer.close(deadline: .seconds(5))
  }

  @Test(
    "compressed batches (gzip, lz4, zstd) are compacted; snappy and records without keys are refused",
    .enabled(if: FileManager.default.fileExists(atPath: Checkout.python), "no .venv: run make setup-test"))
  func codecs() async throws {
    let test = try TestBroker()
    try await create(
      test, "c", 1, ["cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"])
    let script = """
      import sys
      from confluent_kafka import Producer
      for codec in ["gzip", "lz4", "zstd", "snappy", "keyless"]:
          failed = []
          p = Producer({"bootstrap.servers": sys.argv[1], "compression.type": "lz4" if codec == "keyless" else codec,
                        "linger.ms": 20, "message.timeout.ms": 30000})
          for n in range(40):
              key = None if codec == "keyless" else f"{codec}-{n % 4}"
              p.produce("c", f"{n} " + "y" * 500, key, on_delivery=lambda e, m: failed.append(e.name()) if e else None)
          p.flush(40)
          print(codec, sorted(set(failed)))
      p = Producer({"bootstrap.servers": sys.argv[1]})
      p.produce("c", "1", "last")
      p.flush(10)
      """
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Checkout.python)
    process.arguments = ["-c", script, test.kafka.bootstrapServers]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(text.hasPrefix("gzip []\nlz4 []\nzstd []\nsnappy ['"), "\(text)")
    #expect(text.contains("keyless ['INVALID_RECORD']"), "\(text)")
    var records: [ConsumerRecord] = []
    for _ in 0..<100 {
      records = try await readAll(test, "c")
      if records.count == 13 { break }
      try await Task.sleep(for: .milliseconds(100))
    }
    #expect(records.count == 13, "four keys of each codec, and the last key")
    for codec in ["gzip", "lz4", "zstd"] {
      let values = records.filter { String(decoding: $0.key ?? [], as: UTF8.self).hasPrefix(codec) }
        .map { String(decoding: ($0.value ?? []).prefix(2), as: UTF8.self) }
      #expect(values == ["36", "37", "38", "39"], "\(codec): \(values)")
    }
  }

  @Test("malformed frames close their own connection, and other connections work")
  func malformed() async throws {
    let test = try TestBroker()
    try await create(test, "t")
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SplitMix(state: seed)
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
    #expect(position.position.offset == 0, "seed \(seed)")
    await producer.close(deadline: .seconds(5))
  }

  @Test("a batch that no consumer could read is refused, and the next record is accepted")
  func unreadableBatches() async throws {
    let test = try TestBroker()
    try await create(test, "plain")
    let socket = try RawSocket(port: test.broker.port)
    func error(_ batch: [UInt8]) throws -> UInt8 {
      socket.send(produceFrame("plain", batch))
      let answer = try #require(socket.answer())
      // The error code follows the correlation ID, the topic count, the topic's name, the partition count and the
      // partition's number.
      let place = 4 + 4 + 2 + 5 + 4 + 4
      try #require(answer.count > place + 1 && answer[place] == 0)
      return answer[place + 1]
    }
    for codec: Int16 in [1, 3, 4] {
      let garbage = recordBatch(count: 2, codec: codec, records: Array("garbage".utf8))
      let code = try error(garbage)
      #expect(code == 2 || code == 87, "codec \(codec)")
    }
    // A record: length, attributes, timestamp delta, offset delta, no key, an empty value, no headers. Two of them have
    // the same offset.
    let record: [UInt8] = [12, 0, 0, 0, 1, 0, 0]
    #expect(try error(recordBatch(count: 2, codec: 0, records: record + record)) == 87)
    #expect(try error(recordBatch(count: 1, codec: 0, records: record)) == 0)
    let producer = try KafkaProducer(test.kafka)
    let position = try await producer.send(OutgoingRecord(topic: "plain", key: nil, value: [1]))
    #expect(position.position.offset == 1)
    #expect(try await readAll(test, "plain").map(\.value) == [[], [1]])
    await producer.close(deadline: .seconds(5))
  }

  @Test("a group name with a NUL differs from the name before the NUL, also after a restart")
  func namesWithNUL() async throws {
    let test = try TestBroker()
    try await create(test, "t")
    let socket = try RawSocket(port: test.broker.port)
    for (group, offset) in [("x\u{0}y", Int64(5)), ("x", Int64(3))] {
      var body = protocolString(group) + bigEndian(Int32(-1)) + protocolString("")
      body += bigEndian(Int64(-1)) + bigEndian(Int32(1)) + protocolString("t") + bigEndian(Int32(1))
      body += bigEndian(Int32(0)) + bigEndian(offset) + protocolString("")
      socket.send(requestFrame(8, 2, body))
      let answer = try #require(socket.answer())
      #expect(answer.suffix(2) == [0, 0], "the commit is accepted")
    }
    func committed(_ group: String) throws -> Int64 {
      let socket = try RawSocket(port: test.broker.port)
      var body = protocolString(group) + bigEndian(Int32(1)) + protocolString("t")
      body += bigEndian(Int32(1)) + bigEndian(Int32(0))
      socket.send(requestFrame(9, 1, body))
      let answer = try #require(socket.answer())
      // The offset follows the correlation ID, the topic count, the topic's name, the partition count and the
      // partition's number.
      let place = 4 + 4 + 2 + 1 + 4 + 4
      try #require(answer.count >= place + 8)
      return answer[place..<place + 8].reduce(Int64(0)) { $0 << 8 | Int64($1) }
    }
    #expect(try committed("x\u{0}y") == 5)
    #expect(try committed("x") == 3)
    try test.restart()
    #expect(try committed("x\u{0}y") == 5)
    #expect(try committed("x") == 3)
    let other = try RawSocket(port: test.broker.port)
    other.send(requestFrame(42, 0, bigEndian(Int32(1)) + protocolString("x\u{0}y")))
    _ = try #require(other.answer())
    #expect(try committed("x\u{0}y") == -1)
    #expect(try committed("x") == 3)
  }

  @Test("a second broker on a folder is refused with the folder's name, and starts after the first has ended")
  func oneBrokerPerFolder() throws {
    let test = try TestBroker()
    #expect {
      _ = try LocalBroker(directory: test.directory, host: "127.0.0.1", port: 0)
    } throws: { error in
      "\(error)".contains("another broker uses the folder \(test.directory)")
    }
    try test.restart()
  }

  @Test("a metadata request of 2 MiB closes its own connection, and other connections work")
  func longFrames() throws {
    let test = try TestBroker()
    let neighbour = try RawSocket(port: test.broker.port)
    let versions = requestFrame(18, 0, [])
    neighbour.send(versions)
    #expect(neighbour.answer() != nil)
    let socket = try RawSocket(port: test.broker.port)
    socket.send(requestFrame(3, 1, bigEndian(Int32(1)) + [UInt8](repeating: 0, count: 2 << 20)))
    #expect(socket.answer() == nil)
    neighbour.send(versions)
    #expect(neighbour.answer() != nil)
  }
}

// Frames of the protocol: numbers are big-endian, and a string follows its length in two bytes.

private func bigEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
  (0..<Value.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: value >> Value($0 * 8)) }
}

private func protocolString(_ value: String) -> [UInt8] {
  bigEndian(Int16(value.utf8.count)) + Array(value.utf8)
}

private func requestFrame(_ key: Int16, _ version: Int16, _ body: [UInt8]) -> [UInt8] {
  var frame = bigEndian(key)
  frame += bigEndian(version)
  frame += bigEndian(Int32(7))
  frame += protocolString("raw")
  frame += body
  return bigEndian(Int32(frame.count)) + frame
}

private func produceFrame(_ topic: String, _ batch: [UInt8]) -> [UInt8] {
  var body = bigEndian(Int16(-1))
  body += bigEndian(Int16(-1))
  body += bigEndian(Int32(1000))
  body += bigEndian(Int32(1))
  body += protocolString(topic)
  body += bigEndian(Int32(1))
  body += bigEndian(Int32(0))
  body += bigEndian(Int32(batch.count))
  body += batch
  return requestFrame(0, 7, body)
}

/// A record batch of format 2 with a correct length and checksum. Its records may be invalid.
private func recordBatch(count: Int32, codec: Int16, records: [UInt8]) -> [UInt8] {
  var tail = bigEndian(codec)
  tail += bigEndian(count - 1)
  // The current time: the cleaner would remove a record with a time in 1970.
  let now = Int64(Date().timeIntervalSince1970 * 1000)
  tail += bigEndian(now) + bigEndian(now)
  tail += bigEndian(Int64(-1)) + bigEndian(Int16(-1)) + bigEndian(Int32(-1))
  tail += bigEndian(count)
  tail += records
  var rest = bigEndian(Int32(0))
  rest.append(2)
  rest += bigEndian(crc32c(tail))
  rest += tail
  return bigEndian(Int64(0)) + bigEndian(Int32(rest.count)) + rest
}

private func crc32c(_ bytes: [UInt8]) -> UInt32 {
  var sum = UInt32.max
  for byte in bytes {
    sum ^= UInt32(byte)
    for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
  }
  return ~sum
}

/// A socket for frames that no client would send.
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
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }
  deinit { close(descriptor) }
  /// Sends all bytes, or a part if the broker closes the connection.
  func send(_ bytes: [UInt8]) { sendWithoutSignal(descriptor, bytes) }

  /// The next answer, without its length field; nil when the connection is closed, or when nothing arrives for 20 s.
  func answer() -> [UInt8]? {
    guard let header = receive(4) else { return nil }
    return receive(header.reduce(0) { $0 << 8 | Int($1) })
  }

  private func receive(_ count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let got = bytes.withUnsafeMutableBytes { buffer in
        recv(descriptor, buffer.baseAddress?.advanced(by: filled), count - filled, 0)
      }
      guard got > 0 else { return nil }
      filled += got
    }
    return bytes
  }
}

/// Sends without SIGPIPE, which would end the tests when the connection is closed.
private func sendWithoutSignal(_ descriptor: Int32, _ bytes: [UInt8]) {
  _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
}
