import Foundation
import KafkaClient
import Records
import Retrieve
import Services
import Settings
import Stage
import Telemetry
import Time

/// Measures a worker's memory over many times the period for which it remembers queries.
enum MemoryOverTime {
  private static let memory = Duration.seconds(5)
  private static let perSecond = 500

  /// `millrace-bench memory BOOTSTRAP`: runs a retrieve worker that remembers queries for 5 s instead of 12 minutes,
  /// and sends it 500 queries a second for twelve times as long. Prints the process's resident memory after each
  /// period. The broker is another process, so its memory does not count; the sender's does.
  static func run(broker: String) async throws {
    let settings = try Settings(SettingsTable(flags: ["--kafka-bootstrap-servers": broker]))
    let sender = try StageContext(name: "sender", settings: settings)
    try await withAdmin(sender.kafka) { admin in
      _ = try await TopicSetup(settings: settings, admin: admin).create()
    }
    let context = try StageContext(name: "retrieve", settings: settings)
    let services = ServiceGroup(RetrieveStage.services(context, memory: memory), graceDeadline: .seconds(25))
    {
      print("\($0) did not stop")
    }
    let stopping = AsyncStream.makeStream(of: Void.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await services.run(until: stopping.stream) }
      context.health.unblock("starting")
      while !context.health.isReady { try await Task.sleep(for: .milliseconds(100)) }
      let start = ContinuousClock.now
      var number = 0
      for period in 1...12 {
        while ContinuousClock.now < start + memory * period {
          let due = (ContinuousClock.now - start).milliseconds * Int64(perSecond) / 1000
          var batch: [OutgoingRecord] = []
          while number < due {
            batch.append(try candidates(number, context))
            number += 1
          }
          if !batch.isEmpty { try await sender.producer.send(batch) }
          try await Task.sleep(for: .milliseconds(20))
        }
        let answered = context.metrics.collect().filter { $0.metric.name == MetricName.terminalStates.name }
          .flatMap(\.samples.values).reduce(0) { $0 + $1.value }
        print(
          String(
            format: "period %2d: %6d queries sent, %6.0f answered, %6.1f MiB resident", period, number,
            answered,
            residentMebibytes()))
      }
      stopping.continuation.finish()
      try await group.waitForAll()
    }
    await sender.producer.close(deadline: .seconds(5))
  }

  private static func candidates(_ number: Int, _ context: StageContext) throws -> OutgoingRecord {
    guard let id = QueryID("query-\(number)"), let document = DocumentID("document") else {
      throw StageFatal("no such id")
    }
    var flight = QueryInFlight(query: QueryRecord(id: id, text: "Which port?", mode: .retrieve))
    flight.askedAtMilliseconds = WallClock.milliseconds
    flight.deadlineAtMilliseconds = WallClock.milliseconds + 60_000
    var chunk = Chunk()
    chunk.text = "The port is 8080."
    chunk.end = UInt64(chunk.text.utf8.count)
    var record = CandidatesRecord(flight: flight)
    record.shardCount = 1
    record.partitions = [0]
    record.partitionTotal = 1
    record.hits = [
      Hit(
        document: DocumentInfo(
          key: DocumentKey(tenant: .standard, id: document), version: Version(epoch: 1, offset: 1)),
        chunk: chunk, denseScore: 0.9)
    ]
    return OutgoingRecord(
      topic: context.topic(.candidates),
      partition: Partitioner.partition(
        ofKey: flight.key.bytes, partitionCount: context.settings.partitionCount(.candidates)),
      key: flight.key.bytes, value: record.wireBytes)
  }

  private static func residentMebibytes() -> Double {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0
    return pages * 4096 / 1_048_576
  }
}
