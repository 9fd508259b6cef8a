import KafkaClient
import Records
import Synchronization
import Time

/// Tracks the records that a stage has polled and not finished. The age of the oldest one shows how late the stage is,
/// even while the stage finishes nothing and no histogram changes.
final class OldestRecords: Sendable {
  private let taken = Mutex<[RecordPosition: Int64]>([:])

  /// Makes the metrics registry update the gauge whenever metrics are collected.
  init(_ context: StageContext, group: String, topics: [String]) {
    context.metrics.onCollect { [weak self] registry in
      guard let self else { return }
      let oldest = self.taken.withLock { taken in
        Dictionary(taken.map { ($0.key.topic, $0.value) }, uniquingKeysWith: min)
      }
      let now = WallClock.milliseconds
      for topic in topics {
        registry.set(
          .oldestRecordAge, to: oldest[topic].map { Double(max(0, now - $0)) / 1000 } ?? 0,
          [("consumergroup", group), ("topic", topic)])
      }
    }
  }

  func take(_ records: [ConsumerRecord]) {
    taken.withLock { taken in
      for record in records { taken[record.position] = record.timestampMilliseconds }
    }
  }

  func finish(_ positions: [RecordPosition]) {
    taken.withLock { taken in for position in positions { taken[position] = nil } }
  }

  func clear() { taken.withLock { $0 = [:] } }

  func forget(_ partitions: [TopicPartition]) {
    let gone = Set(partitions)
    taken.withLock { taken in
      taken = taken.filter { !gone.contains(TopicPartition($0.key.topic, $0.key.partition)) }
    }
  }
}
