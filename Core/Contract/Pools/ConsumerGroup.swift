import Records

/// A consumer group: its name, the topic that it reads, and the pool whose workers are its members.
package struct ConsumerGroup: Sendable {
  /// The name without its prefix, the setting `kafka.groupPrefix`.
  package let baseName: String
  package let topic: TopicName
  package let pool: Pool

  package static let ingest = ConsumerGroup(baseName: "ingest", topic: .documents, pool: .ingest)
  package static let embedDocuments = ConsumerGroup(
    baseName: "embed-documents", topic: .chunks, pool: .embedDocuments)
  package static let embedQueries = ConsumerGroup(
    baseName: "embed-queries", topic: .queries, pool: .embedQueries)
  package static let retrieve = ConsumerGroup(baseName: "retrieve", topic: .candidates, pool: .retrieve)
  package static let generate = ConsumerGroup(baseName: "generate", topic: .prompts, pool: .generate)

  /// The group that reports the states of the document versions in a shard.
  package static func index(shard: Int, of layout: ShardLayout) -> ConsumerGroup {
    ConsumerGroup(baseName: "index-\(layout.count)-\(shard)", topic: .vectors, pool: .search(shard: shard))
  }

  /// The group that searches a shard. Every shard reads all searches, so each shard has a group of its own.
  package static func search(shard: Int, of layout: ShardLayout) -> ConsumerGroup {
    ConsumerGroup(baseName: "search-\(layout.count)-\(shard)", topic: .searches, pool: .search(shard: shard))
  }

  /// All groups of a layout.
  package static func all(of layout: ShardLayout) -> [ConsumerGroup] {
    [ingest, embedDocuments, embedQueries, retrieve, generate]
      + (0..<layout.count).flatMap { [index(shard: $0, of: layout), search(shard: $0, of: layout)] }
  }

  /// The shard of the group's pool; 0 for a pool without shards.
  package var shard: Int {
    if case .search(let shard) = pool { return shard }
    return 0
  }

  /// The partitions of the topic that the group works on: the shard's partitions of `rag.vectors`, or all
  /// partitions of another topic.
  ///
  /// - Parameter count: the number of the topic's partitions.
  package func partitions(of count: Int32, _ layout: ShardLayout) -> [Int32] {
    topic == .vectors ? layout.partitions(ofShard: shard, count: count) : Array(0..<count)
  }
}
