import Records
import RedisClient
import Stage

/// Supported sentences on their way to whoever listens, through Redis. A preview: nothing waits for it, and the record
/// in `rag.answers` replaces it.
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
