import Foundation
import KafkaClient
import Pools
import Records
import Settings
import Telemetry

/// What the workers of all pools need: settings, the producer, metrics, logs, health.
package struct StageContext: Sendable {
  /// The worker's name in logs, metrics and dead letters, for example `ingest`, `embed-documents` or `search-0`.
  package let name: String
  package let settings: Settings
  package let kafka: KafkaConfiguration
  package let producer: KafkaProducer
  package let metrics: MetricsRegistry
  package let health: Health
  package let logger: Logger
  package let cluster = ClusterIdentity()

  /// - Throws: `KafkaFailure` when librdkafka refuses the settings.
  package init(name: String, settings: Settings) throws {
    self.name = name
    self.settings = settings
    var kafka = settings.kafkaConfiguration(clientID: "\(settings.kafka.clientID)-\(name)")
    // Longer than the election of a partition leader takes, shorter than the time for which an answer is valid.
    kafka.deliveryTimeout = .seconds(8)
    self.kafka = kafka
    metrics = MetricsRegistry()
    metrics.declareOperatorsMetrics()
    producer = try KafkaProducer(
      kafka,
      recordBytesMax: Self.isCompressing(settings)
        ? [:]
        : Dictionary(
          settings.topics.map { topic in
            (
              settings.topic(topic.topic),
              topic.settings["max.message.bytes"].flatMap { Int($0) } ?? 1_048_588
            )
          }, uniquingKeysWith: { $1 }),
      metrics: metrics)
    health = Health()
    logger = Logger(label: name)
  }

  /// Whether the producer compresses. Brokers limit the compressed size of a batch, which can't be checked beforehand.
  private static func isCompressing(_ settings: Settings) -> Bool {
    ["compression.type", "compression.codec"].contains {
      settings.kafka.properties[$0].map { $0 != "none" } ?? false
    }
  }

  package func topic(_ name: TopicName) -> String { settings.topic(name) }
  package func group(_ group: ConsumerGroup) -> String { settings.group(group) }

  /// A copy of a record for `rag.deadletters`, with the reason in its headers.
  package func deadLetter(_ record: ConsumerRecord, _ error: RecordError, rule: String) -> OutgoingRecord {
    metrics.increment(.deadLetters, [("stage", name), ("reason", error.code)])
    return OutgoingRecord(
      topic: topic(.deadletters), key: record.key, value: record.value,
      headers: record.headers + [
        RecordHeader(HeaderName.origin, record.position.description),
        RecordHeader(HeaderName.errorStage, name), RecordHeader(HeaderName.errorCode, error.code),
        RecordHeader(HeaderName.errorField, error.field), RecordHeader(HeaderName.errorRule, rule),
      ])
  }

  /// The record of an answer and, if the query asked for one, a copy for the query's reply topic. Nothing waits for the
  /// copy, so a reply topic that refuses it holds nobody up.
  package func answerRecords(_ answer: AnswerRecord, replyTo: QueryRecord.ReplyTo?, headers: [RecordHeader])
    -> [OutgoingRecord]
  {
    metrics.increment(.terminalStates, [("kind", "query"), ("state", answer.status.rawValue)])
    let key = Array(answer.key.utf8)
    let value = answer.json.bytes
    let partition = Partitioner.partition(ofKey: key, partitionCount: settings.partitionCount(.answers))
    var records = [
      OutgoingRecord(topic: topic(.answers), partition: partition, key: key, value: value, headers: headers)
    ]
    // The worker that accepted the query has checked this too, but may have had other settings.
    if let replyTo, settings.kafka.brokenReplyRule(replyTo.topic) == nil {
      records.append(
        OutgoingRecord(
          topic: replyTo.topic, partition: replyTo.partition, key: key, value: value, headers: headers,
          isCopy: true))
    }
    return records
  }

  /// A record for one of the topics that are partitioned by the query's key.
  package func queryRecord(_ name: TopicName, _ key: QueryKey, _ value: [UInt8], headers: [RecordHeader])
    -> OutgoingRecord
  {
    let bytes = key.bytes
    return OutgoingRecord(
      topic: topic(name),
      partition: Partitioner.partition(ofKey: bytes, partitionCount: settings.partitionCount(name)),
      key: bytes, value: value, headers: headers)
  }
}

extension MetricsRegistry {
  /// Declares the metrics that operators ask for. GPU utilisation is missing: the model server's exporter has it.
  fileprivate func declareOperatorsMetrics() {
    declare(.retrievalDuration)
    declare(.searchDuration)
    declare(.embeddingDuration)  // embedding generation time and LLM latency, by operation
    declare(.tokenUsage)
    declare(.consumerLag)
    declare(.oldestRecordAge)
    declare(.deadLetters)
    declare(.indexBehind)
    declare(.terminalStates)
  }
}

extension Settings {
  /// How this process reaches the brokers.
  package func kafkaConfiguration(clientID: String) -> KafkaConfiguration {
    KafkaConfiguration(
      bootstrapServers: kafka.bootstrapServers, clientID: clientID, extra: kafka.properties,
      sessionTimeout: kafka.sessionTimeout, pollIntervalMax: kafka.pollIntervalMax)
  }
}

extension ConsumerRecord {
  /// The headers that follow a request through every topic.
  package var passedHeaders: [RecordHeader] {
    // Only the last header of each name: so their number is bounded, as their size is.
    [HeaderName.traceparent, HeaderName.requestID, "tracestate"].compactMap { name in
      headers.last { $0.name == name && $0.value.count <= Self.headerBytesMax }
    }
  }

  /// A header with a longer value is not passed on: it would travel with every record that is made from this one.
  private static var headerBytesMax: Int { 1024 }

  /// The request's ID: from its header or, if that is missing or too long, the record's position.
  package var requestID: String {
    guard let id = header(HeaderName.requestID), id.utf8.count <= Self.headerBytesMax else {
      return position.description
    }
    return id
  }
}
