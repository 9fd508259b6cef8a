import Foundation
import KafkaClient
import Time

/// Measures one hop: a record is produced to a separate topic and consumed.
struct HopProbe: Sendable {
  private let topic: String
  private let producer: KafkaProducer
  private let reader: ReplayReader
  private let admin: KafkaAdmin

  static func open(_ kafka: KafkaConfiguration) async throws -> HopProbe {
    let admin = KafkaAdmin(kafka)
    let topic = "millrace-hop-\(getpid())"
    _ = try await admin.create([
      TopicPlan(name: topic, partitionCount: 1, replicationFactor: 1, settings: [:])
    ])
    let reader = ReplayReader(kafka)
    for attempt in 0... {
      do {
        try await reader.assign([TopicPartition(topic, 0): .beginning])
        break
      } catch {
        if attempt > 50 { throw error }
        try await Task.sleep(for: .milliseconds(100))
      }
    }
    return HopProbe(topic: topic, producer: try KafkaProducer(kafka), reader: reader, admin: admin)
  }

  /// - Returns: milliseconds from produce to consume.
  func measure() async throws -> Double {
    let watch = Stopwatch()
    try await producer.send(OutgoingRecord(topic: topic, partition: 0, key: nil, value: Array("hop".utf8)))
    while try await reader.next(maxRecords: 1, maxWait: .seconds(1)).isEmpty {}
    return watch.milliseconds
  }

  /// Deletes the topic.
  ///
  /// - Throws: `KafkaFailure` when the topic can't be deleted.
  func close() async throws {
    await reader.close()
    await producer.close(deadline: .seconds(2))
    do {
      try await admin.delete(topic: topic)
    } catch {
      await admin.close()
      throw error
    }
    await admin.close()
  }
}
