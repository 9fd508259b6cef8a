/// A pool of workers: its name, its start command, and the secrets that it needs. `millrace contract`
/// prints this table, and the chart's tests compare the chart with it.
package enum Pool: Sendable, Hashable {
  case ingest
  case embedDocuments
  case embedQueries
  case search(shard: Int)
  case retrieve
  case generate

  /// All pools of a layout, in the order of the flow. Each search shard is a pool.
  package static func all(shards: Int) -> [Pool] {
    [.ingest, .embedDocuments, .embedQueries] + (0..<shards).map { .search(shard: $0) } + [
      .retrieve, .generate,
    ]
  }

  /// The pools that a document passes, in order. The first search shard stands for all shards.
  package static let documentFlow: [Pool] = [.ingest, .embedDocuments, .search(shard: 0)]
  /// The pools that a query passes, in order. The first search shard stands for all shards.
  package static let queryFlow: [Pool] = [.embedQueries, .search(shard: 0), .retrieve, .generate]

  package var name: String {
    if case .search(let shard) = self { return "search-\(shard)" }
    return stage
  }

  /// The name without the shard: all search shards have the stage `search`.
  package var stage: String {
    switch self {
    case .ingest: "ingest"
    case .embedDocuments: "embed-documents"
    case .embedQueries: "embed-queries"
    case .search: "search"
    case .retrieve: "retrieve"
    case .generate: "generate"
    }
  }

  /// The arguments of `millrace` that start a worker of the pool.
  package var arguments: [String] {
    switch self {
    case .ingest: ["worker", "ingest"]
    case .embedDocuments: ["worker", "embed", "--lane", "documents"]
    case .embedQueries: ["worker", "embed", "--lane", "queries"]
    case .search(let shard): ["worker", "search", "--shard", "\(shard)"]
    case .retrieve: ["worker", "retrieve"]
    case .generate: ["worker", "generate"]
    }
  }

  /// The settings whose secrets the pool needs. A worker gets no other secret, neither from `up` nor from the
  /// chart's Secret.
  package var secrets: [String] {
    switch self {
    case .ingest, .search, .retrieve: ["kafka.properties"]
    case .embedDocuments, .embedQueries: ["kafka.properties", "redis.address", "cache.key"]
    case .generate: ["kafka.properties", "redis.address", "cache.key", "llm.apiKey", "llm.url"]
    }
  }
}
