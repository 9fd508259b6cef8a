import Time

/// A metric's OpenTelemetry name (with dots) and its help text. All metrics are declared here.
package struct MetricName: Sendable, Hashable {
  package let name: String
  package let help: String
  package let kind: MetricsRegistry.Kind

  private init(_ kind: MetricsRegistry.Kind, _ name: String, _ help: String) {
    self.kind = kind
    self.name = name
    self.help = help
  }

  package static let consumedMessages = MetricName(
    .counter, "messaging.client.consumed.messages", "Records taken from a topic.")
  package static let sentMessages = MetricName(
    .counter, "messaging.client.sent.messages", "Records acknowledged by the broker.")
  package static let processDuration = MetricName(
    .histogram, "messaging.process.duration.seconds",
    "Duration of the work on one batch of records, without waiting for the broker.")
  package static let queueWait = MetricName(
    .histogram, "millrace.queue.wait.seconds",
    "Time between a record's append and the moment a worker took it.")
  package static let consumerLag = MetricName(
    .gauge, "kafka.consumergroup.lag", "Records of a partition after the group's committed offset.")
  package static let oldestRecordAge = MetricName(
    .gauge, "millrace.queue.oldest.age.seconds",
    "Age of the oldest record that a stage has taken and not finished; 0 when there is none.")
  package static let deadLetters = MetricName(
    .counter, "millrace.dead.letters", "Records copied to the dead letter topic, by stage and reason.")
  package static let expiredQueries = MetricName(
    .counter, "millrace.queries.expired", "Queries dropped before work because their deadline had passed.")
  package static let terminalStates = MetricName(
    .counter, "millrace.terminal.states", "Terminal states written, by kind of record and state.")
  package static let indexVectors = MetricName(
    .gauge, "millrace.index.vectors", "Live chunk vectors.")
  package static let indexDocuments = MetricName(
    .gauge, "millrace.index.documents",
    "Visible documents; an expired one counts until it is replaced or deleted.")
  package static let indexOutdated = MetricName(
    .gauge, "millrace.index.documents.outdated",
    "Visible documents that were read by an older reader than this release's, by that reader.")
  package static let indexBehind = MetricName(
    .gauge, "millrace.index.behind.records",
    "Records of the shard's partitions that the index has not applied yet.")
  package static let indexSegments = MetricName(
    .gauge, "millrace.index.segments", "Segments of the index.")
  package static let indexMemory = MetricName(
    .gauge, "millrace.index.memory.bytes", "Estimated memory of the index, without mapped files.")
  package static let indexMapped = MetricName(
    .gauge, "millrace.index.mapped.bytes", "Bytes of the index's mapped files.")
  package static let indexRemovedRows = MetricName(
    .gauge, "millrace.index.removed.vectors",
    "Removed vectors that still take space in segments, until a merge.")
  package static let indexWriteAmplification = MetricName(
    .gauge, "millrace.index.write.amplification",
    "Bytes written to segments and tables, including merges, per byte written without merges.")
  package static let indexCheckpoints = MetricName(
    .counter, "millrace.index.checkpoints", "Attempts to store or merge the index, by result.")
  package static let indexDiskFault = MetricName(
    .gauge, "millrace.index.disk.fault",
    "1 while the index can't be stored, for example because its disk is full.")
  package static let indexFaults = MetricName(
    .counter, "millrace.index.faults", "Stored states of the index that could not be used, by reason.")
  package static let indexRebuilds = MetricName(
    .counter, "millrace.index.rebuilds", "Indexes that were rebuilt from the log, by reason.")
  package static let indexSkipped = MetricName(
    .counter, "millrace.index.skipped", "Records that the index could not apply, by reason.")
  package static let embeddedChunks = MetricName(
    .counter, "millrace.embedded.chunks", "Chunks embedded.")
  package static let embeddingDuration = MetricName(
    .histogram, "gen.ai.client.operation.duration.seconds", "Time of one model call, by operation.")
  /// The same family as `embeddingDuration`; the label with the operation tells the two apart.
  package static let modelDuration = embeddingDuration
  package static let timeToFirstToken = MetricName(
    .histogram, "gen.ai.client.operation.time.to.first.chunk.seconds",
    "Time from a request until the LLM's first piece of text.")
  package static let tokenUsage = MetricName(
    .histogram, "gen.ai.client.token.usage", "Tokens per request to an LLM, by type (input, output).")
  package static let generationFallbacks = MetricName(
    .counter, "millrace.generation.fallbacks",
    "Answers that consist of quotes because the LLM gave no supported answer, by reason.")
  package static let answerSentences = MetricName(
    .counter, "millrace.answer.sentences",
    "Sentences that the LLM wrote, by verdict (kept, replaced, dropped) and rule.")
  package static let refusals = MetricName(
    .counter, "millrace.refusals", "Questions that were refused, by reason.")
  package static let lateAnswers = MetricName(
    .counter, "millrace.answers.late",
    "Answers that are void because they were appended too long after their check, by stage.")
  package static let retrievalDuration = MetricName(
    .histogram, "millrace.retrieval.duration.seconds",
    "Retrieval latency: from a query's append to its context being assembled.")
  package static let searchDuration = MetricName(
    .histogram, "db.client.operation.duration.seconds",
    "Time of one scan of the index, for all queries of a batch together.")
  package static let chunkAmplification = MetricName(
    .gauge, "millrace.chunk.amplification",
    "Vectors made per vector that a chunking without overlap would make.")
  package static let producerReplacements = MetricName(
    .counter, "millrace.producer.replacements", "Kafka producer handles replaced after a fatal error.")
  package static let freshnessLag = MetricName(
    .gauge, "millrace.freshness.unconfirmed.seconds",
    "Time since the status topic was last known to be read to its end.")
  package static let staleRounds = MetricName(
    .counter, "millrace.stale.rounds", "Queries searched again because a document had changed meanwhile.")
  package static let statisticsRounds = MetricName(
    .counter, "millrace.statistics.rounds",
    "Queries searched again because a shard may have left out one of the best chunks by words.")
  package static let cacheRequests = MetricName(
    .counter, "millrace.cache.requests",
    "Cache lookups, by cache, result and the reason for a miss.")
  package static let cacheWriteFailures = MetricName(
    .counter, "millrace.cache.write.failures",
    "Cache entries and streamed sentences that could not be written, by cache and reason.")
  package static let partialAnswers = MetricName(
    .counter, "millrace.partial.answers", "Rounds finished without the candidates of all shards.")

  /// All metrics. A test compares the list with the declarations above.
  package static let all: [MetricName] = [
    consumedMessages, sentMessages, processDuration, queueWait, consumerLag, oldestRecordAge, deadLetters,
    expiredQueries, terminalStates, indexVectors, indexDocuments, indexOutdated, indexBehind, embeddedChunks,
    embeddingDuration, timeToFirstToken, tokenUsage, generationFallbacks, answerSentences, refusals,
    retrievalDuration, searchDuration,
    chunkAmplification, producerReplacements, freshnessLag, staleRounds, statisticsRounds, cacheRequests,
    cacheWriteFailures, partialAnswers, lateAnswers, indexSkipped, indexSegments, indexMemory, indexMapped,
    indexRemovedRows, indexWriteAmplification, indexCheckpoints, indexDiskFault, indexFaults, indexRebuilds,
  ]

  /// The name of the family in Prometheus' text format.
  package var prometheusName: String {
    name.replacing(".", with: "_") + (kind == .counter ? "_total" : "")
  }

  /// The names of the metric's series, as PromQL queries use them.
  package var seriesNames: [String] {
    kind == .histogram
      ? ["_bucket", "_sum", "_count"].map { prometheusName + $0 } : [prometheusName]
  }
}
