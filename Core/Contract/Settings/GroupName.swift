import Records

/// The names of consumer groups.
package enum GroupName {
  package static let ingest = "rag-ingest"
  package static let embedDocuments = "rag-embed-documents"
  package static let embedQueries = "rag-embed-queries"
  package static let retrieve = "rag-retrieve"
  package static let generate = "rag-generate"
  package static func index(shards: Int, shard: Int) -> String { "rag-index-\(shards)-\(shard)" }
  package static func search(shards: Int, shard: Int) -> String { "rag-search-\(shards)-\(shard)" }

  /// Every group of a layout with the topic that it reads and, for search, its shard.
  package static func all(shards: Int) -> [(group: String, topic: TopicName, shard: Int)] {
    [
      (ingest, .documents, 0), (embedDocuments, .chunks, 0), (embedQueries, .queries, 0),
      (retrieve, .candidates, 0), (generate, .prompts, 0),
    ]
      + (0..<shards).flatMap { shard in
        [
          (index(shards: shards, shard: shard), .vectors, shard),
          (search(shards: shards, shard: shard), .searches, shard),
        ]
      }
  }
}
