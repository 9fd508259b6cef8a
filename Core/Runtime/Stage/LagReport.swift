import Foundation
import KafkaClient
import Telemetry

/// Sets the lag gauges every 2.5 seconds, from the end offsets of the last fetches. When a partition goes to another
/// member, its gauge is removed: otherwise the last value would stay for ever.
struct LagReport {
  let context: StageContext
  let group: String
  var committed: [TopicPartition: Int64] = [:]
  private var reported: Set<TopicPartition> = []
  private var next = ContinuousClock.now

  init(context: StageContext, group: String) {
    self.context = context
    self.group = group
  }

  mutating func update(
    _ consumer: KafkaConsumer, ignoring isIgnored: (TopicPartition) -> Bool = { _ in false }
  ) async {
    guard ContinuousClock.now >= next else { return }
    next = .now + .milliseconds(2500)
    for (partition, end) in await consumer.cachedEnds() where !isIgnored(partition) {
      context.metrics.set(
        .consumerLag, to: Double(max(0, end - (committed[partition] ?? 0))), labels(partition))
      reported.insert(partition)
    }
  }

  mutating func forget(_ partitions: [TopicPartition]) {
    for partition in partitions where reported.remove(partition) != nil {
      context.metrics.remove(.consumerLag, labels(partition))
    }
  }

  mutating func clear() { forget(Array(reported)) }

  private func labels(_ partition: TopicPartition) -> Labels {
    [("consumergroup", group), ("topic", partition.topic), ("partition", "\(partition.partition)")]
  }
}
