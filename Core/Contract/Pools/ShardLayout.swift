/// The division of the partitions of `rag.vectors` among the search shards: partition p belongs to shard
/// p mod `count`.
package struct ShardLayout: Sendable, Equatable {
  /// The number of shards, `search.shards`.
  package let count: Int

  package init(count: Int) { self.count = count }

  package func shard(ofPartition partition: Int32) -> Int { Int(partition) % count }

  /// - Parameter count: the number of the topic's partitions.
  /// - Returns: the shard's partitions, in ascending order.
  package func partitions(ofShard shard: Int, count: Int32) -> [Int32] {
    (0..<count).filter { self.shard(ofPartition: $0) == shard }
  }
}
