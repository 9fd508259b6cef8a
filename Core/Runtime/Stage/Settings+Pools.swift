import KafkaClient
import Pools
import Settings

extension Settings.Search {
  package var layout: ShardLayout { ShardLayout(count: shards) }
}

extension Settings {
  /// The partitions that a group works on.
  package func partitions(of group: ConsumerGroup) -> [TopicPartition] {
    group.partitions(of: partitionCount(group.topic), search.layout).map {
      TopicPartition(topic(group.topic), $0)
    }
  }
}
