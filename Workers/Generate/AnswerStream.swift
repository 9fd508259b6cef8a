import Caching
import Records
import RedisClient
import Stage

/// Publishes supported sentences through Redis while an answer is made. They are only a preview: the record
/// in `rag.answers` replaces them, and a failed publication is only counted.
struct AnswerStream: Sendable {
  let redis: RedisClient
  let context: StageContext

  func publish(_ sentence: String, for query: QueryRecord) async {
    guard let stream = SentenceStream(query, topicPrefix: context.settings.kafka.topicPrefix),
      let message = stream.seal(sentence)
    else { return }
    do {
      _ = try await redis.send([[Array("PUBLISH".utf8), Array(stream.channel.utf8), message]])
    } catch {
      context.metrics.increment(
        .cacheWriteFailures,
        [("cache", "stream"), ("reason", RedisFailure.label(of: error))])
    }
  }
}
