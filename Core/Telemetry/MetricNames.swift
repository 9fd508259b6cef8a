/// A metric's OpenTelemetry name (dots) and its help text. All of them are declared here.
package struct MetricName: Sendable {
  package let name: String
  package let help: String

  private init(_ name: String, _ help: String) {
    self.name = name
    self.help = help
  }

  package static let consumedMessages = MetricName(
    "messaging.client.consumed.messages", "Records taken from a topic.")
  package static let sentMessages = MetricName(
    "messaging.client.sent.messages", "Records acknowledged by the broker.")
  package static let processDuration = MetricName(
    "messaging.process.duration.seconds", "Work on one batch of records, without waiting for the broker.")
  package static let queueWait = MetricName(
    "millrace.queue.wait.seconds", "Time between a record's append and the moment a worker took it.")
  package static let consumerLag = MetricName(
    "kafka.consumergroup.lag", "Records of a partition beyond the group's committed offset.")
  package static let deadLetters = MetricName(
    "millrace.dead.letters", "Records copied to the dead letter topic, by stage and reason.")
  package static let expiredQueries = MetricName(
    "millrace.queries.expired", "Queries dropped before work because their deadline had passed.")
  package static let terminalStates = MetricName(
    "millrace.terminal.states", "Terminal states written, by kind of record and state.")
  package static let indexVectors = MetricName("millrace.index.vectors", "Live chunk vectors in memory.")
  package static let indexDocuments = MetricName("millrace.index.documents", "Visible documents in memory.")
  package static let indexBehind = MetricName(
    "millrace.index.behind.records", "Records of the shard's partitions not yet applied.")
  package static let embeddedChunks = MetricName("millrace.embedded.chunks", "Chunks embedded.")
  package static let embeddingDuration = MetricName(
    "gen.ai.client.operation.duration.seconds", "Time of one model call, by operation.")
  /// The same family as `embeddingDuration`: the operation tells them apart.
  package static let modelDuration = embeddingDuration
  package static let timeToFirstToken = MetricName(
    "gen.ai.client.operation.time.to.first.chunk.seconds", "Time until an LLM's first piece of text.")
  package static let tokenUsage = MetricName(
    "gen.ai.client.token.usage", "Tokens per request to an LLM, by type (input, output).")
  package static let generationFallbacks = MetricName(
    "millrace.generation.fallbacks", "Answers quoted because the LLM gave none that is supported, by reason.")
  package static let retrievalDuration = MetricName(
    "millrace.retrieval.duration.seconds",
    "Retrieval latency: from a query's append to its context being assembled.")
  package static let searchDuration = MetricName(
    "db.client.operation.duration.seconds", "Time of one scan of the index, whatever the batch.")
  package static let chunkAmplification = MetricName(
    "millrace.chunk.amplification", "Vectors made per vector that a chunking without overlap would make.")
  package static let producerReplacements = MetricName(
    "millrace.producer.replacements", "Fatal producer handles replaced in place.")
  package static let freshnessLag = MetricName(
    "millrace.freshness.unconfirmed.seconds", "Time since the status tail last confirmed its end.")
  package static let staleRounds = MetricName(
    "millrace.stale.rounds", "Queries sent to search again because a document changed under them.")
  package static let cacheRequests = MetricName(
    "millrace.cache.requests", "Questions put to a cache, by cache, result and the reason of a miss.")
  package static let cacheWriteFailures = MetricName(
    "millrace.cache.write.failures", "Entries that could not be kept, by cache and reason.")
  package static let partialAnswers = MetricName(
    "millrace.partial.answers", "Rounds finished without all shards.")
}
