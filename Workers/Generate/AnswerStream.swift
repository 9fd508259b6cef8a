import Records
import RedisClient
import Stage

/// Publishes supported sentences through Redis while an answer is made. They are only a preview: the record
/// in `rag.answers` replaces them, and a failed publication is only counted.
struct AnswerStream: Sendable {
  let redis: RedisClient
  let context: StageContext

  func publish(_ sentence: String, for key: QueryKey) async {
    do {
      _ = try await redis.send([
        [
          Array("PUBLISH".utf8), Array(StreamChannel.name(context.settings.kafka.topicPrefix, key).utf8),
          Array(sentence.utf8),
        ]
      ])
    } catch {
      context.metrics.increment(
        .cacheWriteFailures,
        [("cache", "stream"), ("reason", RedisFailure.label(of: error))])
    }
  }
}
