/// A pool of workers: its name, how it is started, and which secrets it needs. The chart is held against this table by
/// `millrace contract`.
package enum Pool: Sendable, Hashable {
  case ingest
  case embedDocuments
  case embedQueries
  case search(shard: Int)
  case retrieve
  case generate

  /// All pools of a layout, in the order of the flow; each search shard is a pool.
  package static func all(shards: Int) -> [Pool] {
    [.ingest, .embedDocuments, .embedQueries] + (0..<shards).map { .search(shard: $0) } + [
      .retrieve, .generate,
    ]
  }

  /// The pools that a document passes, and those that a query passes, in order; of search the first shard stands for all.
  package static let documentFlow: [Pool] = [.ingest, .embedDocuments, .search(shard: 0)]
  package static let queryFlow: [Pool] = [.embedQueries, .search(shard: 0), .retrieve, .generate]

  package var name: String {
    if case .search(let shard) = self { return "search-\(shard)" }
    return stage
  }

  /// The name, with one for all shards of search.
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

  /// The arguments of `millrace` that start a worker of it.
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

  /// The settings whose secrets it needs. A worker gets no others, under `up` and from the chart's Secret.
  package var secrets: [String] {
    switch self {
    case .ingest, .search, .retrieve: ["kafka.properties"]
    case .embedDocuments, .embedQueries: ["kafka.properties", "redis.address"]
    case .generate: ["kafka.properties", "redis.address", "llm.apiKey", "llm.url"]
    }
  }
}
