import Foundation
import KafkaClient

/// Sets the lag gauges from what the last fetches told, twice in five seconds.
struct LagReport {
  let context: StageContext
  let group: String
  var committed: [TopicPartition: Int64] = [:]
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
        .consumerLag, to: Double(max(0, end - (committed[partition] ?? 0))),
        [("consumergroup", group), ("topic", partition.topic), ("partition", "\(partition.partition)")])
    }
  }
}
