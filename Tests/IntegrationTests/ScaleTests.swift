import Foundation
import KafkaClient
import Records
import Settings
import Stage
import Synchronization
import TestSupport
import Testing

// Goal: scaling a pool out and in under load stops its group for no longer than one record (or batch) and a rebalance
// take, repeats no more than the records in flight, and loses nothing. Method: a group grows from 1 to 6 members and
// shrinks again, five times, while it processes 10,000 records with a stub engine; once in batches, as embed-documents
// works, and once with a window, as generate works.

/// Waits for a fixed time per record (in batches) or per call, and notes how often each record was finished, and when.
private final class StubEngine: StageWork {
  private let pause: Duration
  private let isTogether: Bool
  private let inFlight = Mutex(0)
  /// How often each record was finished, by its position. `finishedAt` has the end of each call.
  let seen = Mutex<[String: Int]>([:])
  let finishedAt = Mutex<[ContinuousClock.Instant]>([])
  var inFlightCount: Int { inFlight.withLock { $0 } }

  init(pause: Duration, isTogether: Bool) {
    self.pause = pause
    self.isTogether = isTogether
  }

  func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws -> [Disposition] {
    inFlight.withLock { $0 += records.count }
    defer { inFlight.withLock { $0 -= records.count } }
    if isTogether {
      try await Task.sleep(for: pause * records.count)
    } else {
      try await Task.sleep(for: pause)
    }
    for item in records { seen.withLock { $0[item.record.position.description, default: 0] += 1 } }
    finishedAt.withLock { $0.append(.now) }
    return records.map { item in
      .done([OutgoingRecord(topic: "scale.out", key: item.record.key, value: item.record.value)])
    }
  }

  func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] { [] }
}

@Suite(.serialized, .timeLimit(.minutes(20))) struct ScaleTests {
  private static let count = 10_000
  private static let membersMax = 6
  private static let rounds = 5

  @Test("1 to 6 members and back, five times under load: short standstills, few repeats, nothing lost")
  func outAndIn() async throws {
    let pipeline = try Pipeline()
    try await withAdmin(kafka(pipeline)) { admin in
      for name in ["scale.batch", "scale.window", "scale.out"] {
        _ = try await admin.create([
          TopicPlan(name: name, partitionCount: 12, replicationFactor: 1, settings: [:])
        ])
      }
    }
    // Side by side: both groups wait most of the time.
    try await withThrowingTaskGroup(of: Void.self) { group in
      for isBatch in [true, false] { group.addTask { try await scale(isBatch: isBatch, on: pipeline) } }
      try await group.waitForAll()
    }
  }

  private func kafka(_ pipeline: Pipeline) -> KafkaConfiguration {
    KafkaConfiguration(bootstrapServers: pipeline.kafka, sessionTimeout: .seconds(6))
  }

  private func scale(isBatch: Bool, on pipeline: Pipeline) async throws {
    let kafka = kafka(pipeline)
    let topic = isBatch ? "scale.batch" : "scale.window"
    let producer = try KafkaProducer(kafka)
    for start in stride(from: 0, to: Self.count, by: 1000) {
      try await producer.send(
        (start..<start + 1000).map { number in
          OutgoingRecord(
            topic: topic, partition: Int32(number % 12), key: Array("\(number)".utf8), value: [1])
        })
    }
    await producer.close(deadline: .seconds(5))
    // A batch of 32 takes 160 ms, a record of the window 150 ms.
    let pause = isBatch ? Duration.milliseconds(5) : .milliseconds(150)
    let longest = isBatch ? pause * 32 : pause
    let engine = StubEngine(pause: pause, isTogether: isBatch)
    let context = try StageContext(
      name: "scale",
      settings: Settings(
        SettingsTable(flags: ["--kafka-bootstrap-servers": pipeline.kafka, "--kafka-session-timeout": "6s"])))
    let stalls = StallWatch()
    let members = Mutex<[StageService]>([])
    let allowed = Mutex(0)
    try await withThrowingTaskGroup(of: Void.self) { group in
      func join() {
        let stage = StageService(
          context, group: "scale-\(isBatch)", topics: [topic],
          shape: isBatch ? .batches(of: 32, isOrdered: false) : .window(of: 16), work: engine)
        members.withLock { $0.append(stage) }
        group.addTask { try await stage.run() }
      }
      func pauseBetween() async throws {
        // Records that are in flight at a rebalance may be repeated.
        allowed.withLock { $0 += engine.inFlightCount }
        try await Task.sleep(for: .milliseconds(400))
        allowed.withLock { $0 += engine.inFlightCount }
      }
      join()
      while engine.seen.withLock(\.isEmpty) { try await Task.sleep(for: .milliseconds(20)) }
      let start = ContinuousClock.now
      for _ in 0..<Self.rounds {
        for _ in 1..<Self.membersMax {
          join()
          try await pauseBetween()
        }
        try await Task.sleep(for: .seconds(1))
        for _ in 1..<Self.membersMax {
          let leaving = members.withLock { $0.removeFirst() }
          await leaving.shutdown()
          try await pauseBetween()
        }
      }
      let scaled = ContinuousClock.now - start
      let end = ContinuousClock.now + .seconds(300)
      while engine.seen.withLock(\.count) < Self.count {
        try #require(ContinuousClock.now < end, "\(engine.seen.withLock(\.count)) of \(Self.count)")
        try await Task.sleep(for: .milliseconds(50))
      }
      for stage in members.withLock({ $0 }) { await stage.shutdown() }
      try await group.waitForAll()
      let times = engine.finishedAt.withLock { $0.sorted() }
      let gaps = zip(times, times.dropFirst()).map { $1 - $0 - stalls.stalled($0, $1) }
      let worked = engine.seen.withLock { $0.values.reduce(0, +) }
      let standstill = gaps.max() ?? .zero
      print(
        "scale \(isBatch ? "batch" : "window"): \(scaled) for the rebalances, longest standstill \(standstill), "
          + "\(worked - Self.count) of \(Self.count) repeated, at most \(allowed.withLock { $0 }) were in flight"
      )
      // Members join 400 ms apart, and each one starts a new rebalance before the previous one is complete. So the
      // group may do no work for five times 400 ms, for up to 1.2 s until the last member's heartbeat tells it of the
      // rebalance, and for up to 0.8 s until all have joined.
      #expect(standstill <= longest + .milliseconds(5 * 400 + 1200 + 800))
      // `allowed` counts the records in flight twice for each change of members, because members learn of the change at
      // different moments.
      #expect(worked - Self.count <= allowed.withLock { $0 })
    }
    await context.producer.close(deadline: .seconds(5))
  }
}
