import Pools
import Records

/// All settings, validated. `charts/millrace/values.yaml` describes them and has their defaults; most of its
/// sections have a file in this folder.
package struct Settings: Sendable {
  package var table: SettingsTable
  package var kafka: Kafka
  package var broker: Broker
  package var http: HTTP
  package var logLevel: String
  package var graceDeadline: Duration
  /// A record is given up when this many processes have died while they worked on it.
  package var deathsMax: Int
  package var encoder: Encoder
  package var ingest: Ingest
  package var embedBatchRecordsMax: Int
  package var search: Search
  package var retrieve: Retrieve
  package var generate: Generate
  package var llm: LLM
  package var redis: Redis
  package var cache: Cache
  package var freshness: Freshness
  package var topics: [Topic]

  /// - Throws: `SettingsError` for the first value that breaks its rule.
  package init(_ table: SettingsTable) throws(SettingsError) {
    self.table = table
    kafka = try Kafka(table)
    broker = try Broker(table)
    http = try HTTP(table)
    logLevel = try table.string("log.level", "must be trace, debug, info, warning or error") {
      ["trace", "debug", "info", "warning", "error"].contains($0)
    }
    graceDeadline = try table.duration("worker.graceDeadline")
    deathsMax = try table.integer("worker.deathsMax", in: 3...100)
    encoder = try Encoder(table)
    ingest = try Ingest(table)
    embedBatchRecordsMax = try table.integer("embed.batchRecordsMax", in: 1...10_000)
    search = try Search(table)
    retrieve = try Retrieve(table)
    guard ingest.parserTimeout * ingest.batchRecordsMax < kafka.pollIntervalMax else {
      throw SettingsError(
        key: "ingest.parserTimeout", value: table.text("ingest.parserTimeout"),
        rule: "times ingest.batchRecordsMax must be less than kafka.pollIntervalMax, "
          + "or slow documents cost a worker its partitions")
    }
    guard
      !ingest.isOCRWanted
        || ingest.ocrTimeout + ingest.parserTimeout * ingest.batchRecordsMax < kafka.pollIntervalMax
    else {
      throw SettingsError(
        key: "ingest.ocrTimeout", value: table.text("ingest.ocrTimeout"),
        rule: "and ingest.parserTimeout times ingest.batchRecordsMax together must be less than "
          + "kafka.pollIntervalMax, or slow documents cost a worker its partitions")
    }
    generate = try Generate(table)
    llm = try LLM(table)
    redis = try Redis(table)
    cache = try Cache(table)
    freshness = try Freshness(table)
    var topics: [Topic] = []
    for topic in TopicName.allCases { topics.append(try Topic(topic, table)) }
    self.topics = topics
    try checkPartitionCounts()
  }

  /// Checks that each shard has a partition. Also checks that the topics of a document have equal partition counts, and
  /// so do the topics of a query after `rag.queries`: a record's outputs go to the same partition number, or have the
  /// same key, in the next topic.
  private func checkPartitionCounts() throws(SettingsError) {
    guard search.shards <= partitionCount(.vectors) else {
      throw SettingsError(
        key: "search.shards", value: "\(search.shards)",
        rule:
          "must be at most \(partitionCount(.vectors)), topics.vectors.partitions: a shard without a partition "
          + "never answers")
    }
    let documents: [TopicName] = [.documents, .chunks, .vectors, .documentStatus]
    let queries: [TopicName] = [.searches, .candidates, .prompts, .answers]
    for group in [documents, queries] {
      guard let first = group.first else { continue }
      for topic in group where partitionCount(topic) != partitionCount(first) {
        throw SettingsError(
          key: "topics.\(topic.rawValue).partitions", value: "\(partitionCount(topic))",
          rule: "must be \(partitionCount(first)), as topics.\(first.rawValue).partitions")
      }
    }
  }

  /// The full name of a topic: the prefix and the topic's own name.
  package func topic(_ name: TopicName) -> String { name.name(prefix: kafka.topicPrefix) }

  /// The full name of a group: the prefix and the group's own name.
  package func group(_ group: ConsumerGroup) -> String { kafka.groupPrefix + group.baseName }

  package func partitionCount(_ name: TopicName) -> Int32 {
    Int32(topics.first { $0.topic == name }?.partitionCount ?? 1)
  }
}
