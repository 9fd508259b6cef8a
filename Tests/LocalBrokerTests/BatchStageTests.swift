import Foundation
import KafkaClient
import Records
import Settings
import Stage
import Synchronization
import Testing

// Goal: a stage that works in batches never touches what is not its own. Method: a stage on the local broker whose group
// is given more partitions than it works on.

/// Works on the partitions above 0, and notes what it was given.
private final class Upper: BatchWork {
  let seen = Mutex<Set<Int32>>([])
  let count = Mutex(0)
  func ignores(_ partition: TopicPartition) -> Bool { partition.partition == 0 }
  /// Long enough for whatever was fetched by then.
  func assigned(_ partitions: [TopicPartition]) async throws { try await Task.sleep(for: .milliseconds(300)) }
  func work(on records: [ConsumerRecord]) async throws -> [OutgoingRecord] {
    for record in records { seen.withLock { _ = $0.insert(record.position.partition) } }
    count.withLock { $0 += records.count }
    return []
  }
}

@Suite(.serialized, .timeLimit(.minutes(1))) struct BatchStageTests {
  @Test("records of partitions that the work ignores never reach it, and nothing is committed for them")
  func ignored() async throws {
    let test = try TestBroker()
    let context = try StageContext(
      name: "stage",
      settings: Settings(SettingsTable(flags: ["--kafka-bootstrap-servers": test.kafka.bootstrapServers])))
    let admin = KafkaAdmin(test.kafka)
    _ = try await admin.create([
      TopicPlan(name: "t", partitionCount: 4, replicationFactor: 1, settings: [:])
    ])
    let body = [UInt8](repeating: 120, count: 100)
    _ = try await context.producer.send(
      (0..<4000).map { OutgoingRecord(topic: "t", partition: Int32($0) % 4, key: nil, value: body) })
    let work = Upper()
    let stage = BatchStage(context, group: "g", topics: ["t"], batchRecordsMax: 64, work: work)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await stage.run() }
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
}
