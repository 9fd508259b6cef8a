import Records
import Time

/// Every setting, validated. Only `Workers/Millrace` reads them from the outside. The structs below follow
/// the sections of `charts/millrace/values.yaml`, which describes each setting and has its default.
package struct Settings: Sendable {
  /// The connection to the brokers: `kafka.*`.
  package struct Kafka: Sendable {
    package var bootstrapServers: String
    package var topicPrefix: String
    package var clientID: String
    package var sessionTimeout: Duration
    package var pollIntervalMax: Duration
    /// librdkafka's properties, from `kafka.properties` and `kafka.propertiesFile`. They may hold passwords.
    package var properties: [String: String]
    /// 0 = 3 when there are three brokers, otherwise 1.
    package var replicationFactor: Int
  }

  /// The local broker: `broker.*`.
  package struct Broker: Sendable {
    package var host: String
    package var port: Int
    package var synchronous: String
    package var cleanInterval: Duration
  }

  /// The address of probes and metrics: `http.*`.
  package struct HTTP: Sendable {
    package var host: String
    package var port: Int
  }

  /// The embedding model: `encoder.*`.
  package struct Encoder: Sendable {
    package var modelPath: String
    package var model: String
    package var choosesKernel: Bool
  }

  /// Parsing and chunking: `ingest.*`.
  package struct Ingest: Sendable {
    package var epoch: UInt32
    package var batchRecordsMax: Int
    package var chunkTokens: Int
    package var overlapTokens: Int
    package var documentBytesMax: Int
    package var textBytesMax: Int
    package var parserTimeout: Duration
    package var parserMemoryBytesMax: Int
    package var fieldMap: [String: String]
  }

  /// The chat endpoint: `llm.*`.
  package struct LLM: Sendable {
    /// Nil = only the extractive engine.
    package var url: String?
    package var model: String
    package var apiKey: SecretSetting
    package var promptTokensMax: Int
    package var answerTokensMax: Int
    package var timeout: Duration
  }

  /// The cache server: `redis.*`.
  package struct Redis: Sendable {
    /// Empty = no caches and no streaming.
    package var address: SecretSetting
    package var deadline: Duration
  }

  /// How long cached entries are used: `cache.*`.
  package struct Cache: Sendable {
    package var answerTTL: Duration
    package var embeddingTTL: Duration
  }

  /// The search shards: `search.*`.
  package struct Search: Sendable {
    package var shards: Int
    package var batchRecordsMax: Int
    package var depth: Int
    package var wait: Duration
  }

  /// The choice of the context: `retrieve.*`.
  package struct Retrieve: Sendable {
    package var topK: Int
    package var wait: Duration
    package var contextTokens: Int
    package var windowRecords: Int
  }

  /// Answering and refusing: `generate.*`.
  package struct Generate: Sendable {
    package var windowRecords: Int
    package var refusalScore: Double
    package var sentencesMax: Int
    package var supportScore: Double
  }

  /// The check against stale answers: `freshness.*`.
  package struct Freshness: Sendable {
    package var staleAfter: Duration
    package var indexLagMax: Duration
  }

  /// One topic: `topics.<name>.*`.
  package struct Topic: Sendable {
    package var topic: TopicName
    package var partitionCount: Int
    /// Values by Kafka's names for topic settings.
    package var settings: [String: String]
  }

  package var table: SettingsTable
  package var kafka: Kafka
  package var broker: Broker
  package var http: HTTP
  package var logLevel: String
  package var graceDeadline: Duration
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
    kafka = Kafka(
      bootstrapServers: try table.string("kafka.bootstrapServers", "must be host:port, separated by commas") {
        !$0.isEmpty && $0.split(separator: ",").allSatisfy { $0.contains(":") }
      },
      topicPrefix: try table.string("kafka.topicPrefix", "must be at most 64 of A-Z a-z 0-9 . _ -") { text in
        text.isEmpty || TenantID(text) != nil
      },
      clientID: table.text("kafka.clientID"), sessionTimeout: try table.duration("kafka.sessionTimeout"),
      pollIntervalMax: try table.duration("kafka.pollIntervalMax"),
      properties: try Self.kafkaProperties(table),
      replicationFactor: try table.integer("kafka.replicationFactor", in: 0...10))
    broker = Broker(
      host: table.text("broker.host"), port: try table.integer("broker.port", in: 0...65535),
      synchronous: try table.string("broker.synchronous", "must be NORMAL or FULL") {
        ["NORMAL", "FULL"].contains($0)
      }, cleanInterval: try table.duration("broker.cleanInterval"))
    http = HTTP(host: table.text("http.host"), port: try table.integer("http.port", in: 0...65535))
    logLevel = try table.string("log.level", "must be trace, debug, info, warning or error") {
      ["trace", "debug", "info", "warning", "error"].contains($0)
    }
    graceDeadline = try table.duration("worker.graceDeadline")
    encoder = Encoder(
      modelPath: table.text("encoder.modelPath"),
      model: try table.string("encoder.model", "must not be empty") { !$0.isEmpty },
      choosesKernel: try table.bool("encoder.chooseKernel"))
    ingest = try Self.ingest(table)
    embedBatchRecordsMax = try table.integer("embed.batchRecordsMax", in: 1...10_000)
    search = Search(
      shards: try table.integer("search.shards", in: 1...1024),
      batchRecordsMax: try table.integer("search.batchRecordsMax", in: 1...10_000),
      depth: try table.integer("search.depth", in: 1...1000), wait: try table.duration("search.wait"))
    retrieve = Retrieve(
      topK: try table.integer("retrieve.topK", in: 1...100), wait: try table.duration("retrieve.wait"),
      contextTokens: try table.integer("retrieve.contextTokens", in: 64...100_000),
      windowRecords: try table.integer("retrieve.windowRecords", in: 1...10_000))
    guard ingest.parserTimeout * ingest.batchRecordsMax < kafka.pollIntervalMax else {
      throw SettingsError(
        key: "ingest.parserTimeout", value: table.text("ingest.parserTimeout"),
        rule: "times ingest.batchRecordsMax must be less than kafka.pollIntervalMax, "
          + "or slow documents cost a worker its partitions")
    }
    generate = Generate(
      windowRecords: try table.integer("generate.windowRecords", in: 1...10_000),
      refusalScore: try table.number("generate.refusalScore", in: 0...1),
      sentencesMax: try table.integer("generate.sentencesMax", in: 1...20),
      supportScore: try table.number("generate.supportScore", in: 0...1))
    llm = try Self.llm(table)
    _ = try table.string(
      "redis.address",
      "must be redis://[:password@]host:port[/database], unix://[:password@]/path[?db=database], or empty"
    ) { $0.isEmpty || $0.hasPrefix("redis://") || $0.hasPrefix("unix://") }
    redis = Redis(
      address: SecretSetting("redis.address", table), deadline: try table.duration("redis.deadline"))
    cache = Cache(
      answerTTL: try table.duration("cache.answerTTL"),
      embeddingTTL: try table.duration("cache.embeddingTTL"))
    freshness = Freshness(
      staleAfter: try table.duration("freshness.staleAfter"),
      indexLagMax: try table.duration("freshness.indexLagMax"))
    topics = try Self.topics(table)
  }

  /// The `name=value` pairs of the setting, and those of the file, one per line.
  private static func kafkaProperties(_ table: SettingsTable) throws(SettingsError) -> [String: String] {
    let (key, fileKey) = ("kafka.properties", "kafka.propertiesFile")
    var properties: [String: String] = [:]
    for part in table.text(key).split(separator: ",") {
      guard let (name, value) = KafkaClientProperties.property(part) else {
        throw SettingsError(
          key: key, value: table.shown(key), rule: "must be name=value pairs separated by commas")
      }
      try KafkaClientProperties.add(name, value, to: &properties, key: key, hidden: table.shown(key))
    }
    let file = table.text(fileKey)
    if file.isEmpty { return properties }
    for line in try SecretSetting.text(ofFile: file, fileKey).split(whereSeparator: \.isNewline) {
      if line.allSatisfy(\.isWhitespace) || line.drop(while: \.isWhitespace).hasPrefix("#") { continue }
      guard let (name, value) = KafkaClientProperties.property(line) else {
        throw SettingsError(
          key: fileKey, value: file, rule: "must hold only name=value lines, empty lines and # comments")
      }
      try KafkaClientProperties.add(name, value, to: &properties, key: fileKey, hidden: file)
    }
    return properties
  }

  private static func llm(_ table: SettingsTable) throws(SettingsError) -> LLM {
    // Paths are appended to the URL, so a query would end up in the middle.
    let url = try table.string("llm.url", "must be http://host:port/v1, https too, without a query, or empty")
    {
      $0.isEmpty || ($0.hasPrefix("http://") || $0.hasPrefix("https://")) && !$0.contains("?")
    }
    return LLM(
      url: url.isEmpty ? nil : (url.hasSuffix("/") ? String(url.dropLast()) : url),
      model: table.text("llm.model"), apiKey: SecretSetting("llm.apiKey", table),
      promptTokensMax: try table.integer("llm.promptTokensMax", in: 128...1_000_000),
      answerTokensMax: try table.integer("llm.answerTokensMax", in: 1...100_000),
      timeout: try table.duration("llm.timeout"))
  }

  private static func ingest(_ table: SettingsTable) throws(SettingsError) -> Ingest {
    let chunkTokens = try table.integer("ingest.chunkTokens", in: 8...256)
    return Ingest(
      epoch: UInt32(try table.integer("ingest.epoch", in: 1...1_000_000)),
      batchRecordsMax: try table.integer("ingest.batchRecordsMax", in: 1...10_000), chunkTokens: chunkTokens,
      overlapTokens: try table.integer("ingest.overlapTokens", in: 0...(chunkTokens - 1)),
      documentBytesMax: try table.integer("ingest.documentBytesMax", in: 1024...104_857_600),
      textBytesMax: try table.integer("ingest.textBytesMax", in: 1024...104_857_600),
      parserTimeout: try table.duration("ingest.parserTimeout"),
      // The minimum is the address space that our binary needs to read Markdown, with a margin.
      parserMemoryBytesMax: try table.integer(
        "ingest.parserMemoryBytesMax", in: 402_653_184...68_719_476_736),
      fieldMap: try table.pairs("ingest.fieldMap"))
  }

  private static func topics(_ table: SettingsTable) throws(SettingsError) -> [Topic] {
    var topics: [Topic] = []
    for topic in TopicName.allCases {
      let prefix = "topics.\(topic.rawValue)."
      var settings = [
        "message.timestamp.type": "LogAppendTime",
        "cleanup.policy": try table.string(prefix + "cleanup", "must be delete, compact or compact,delete") {
          ["delete", "compact", "compact,delete"].contains($0)
        },
      ]
      for (name, key) in [
        ("retention", "retention.ms"), ("minCompactionLag", "min.compaction.lag.ms"),
        ("deleteRetention", "delete.retention.ms"),
      ] where !table.text(prefix + name).isEmpty {
        settings[key] = "\(try table.duration(prefix + name).milliseconds)"
      }
      if !table.text(prefix + "recordBytesMax").isEmpty {
        settings["max.message.bytes"] =
          "\(try table.integer(prefix + "recordBytesMax", in: 1024...1_000_000_000))"
      }
      topics.append(
        Topic(
          topic: topic, partitionCount: try table.integer(prefix + "partitions", in: 1...10_000),
          settings: settings))
    }
    return topics
  }

  /// The full name of a topic: the prefix and the topic's own name.
  package func topic(_ name: TopicName) -> String { name.name(prefix: kafka.topicPrefix) }

  package func partitionCount(_ name: TopicName) -> Int32 {
    Int32(topics.first { $0.topic == name }?.partitionCount ?? 1)
  }
}
