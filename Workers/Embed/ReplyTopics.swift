import KafkaClient
import Records
import Stage
import Synchronization

/// Whether a query's `reply_to` can be written: a topic that is not there would hold up every query behind it, and one
/// of the pipeline's own must not be written from outside.
final class ReplyTopics: Sendable {
  private struct State {
    var partitionCounts: [String: Int32] = [:]
    var readAt = ContinuousClock.now - .seconds(3600)
  }

  /// Unknown topics are looked up at most this often, whoever asks.
  private static let interval = Duration.seconds(5)
  private let context: StageContext
  private let state = Mutex(State())

  init(_ context: StageContext) { self.context = context }

  /// - Throws: `FieldError`, or `KafkaFailure` when the broker does not say.
  func check(_ query: QueryRecord) async throws {
    guard let replyTo = query.replyTo else { return }
    let own = Set(context.settings.topics.map { context.topic($0.topic) })
    if own.contains(replyTo.topic) || replyTo.topic.hasPrefix("__") {
      throw FieldError(
        "bad_value", field: "reply_to.topic", value: replyTo.topic,
        rule: "must not be a topic of the pipeline or of Kafka itself")
    }
    if !isKnown(replyTo), state.withLock({ ContinuousClock.now - $0.readAt > Self.interval }) {
      let admin = KafkaAdmin(context.kafka)
      let counts: [String: Int32]
      do {
        counts = try await admin.topics(timeout: .seconds(3))
      } catch {
        await admin.close()
        throw error
      }
      await admin.close()
      state.withLock { $0 = State(partitionCounts: counts, readAt: .now) }
    }
    guard isKnown(replyTo) else {
      throw FieldError(
        "bad_value", field: "reply_to", value: "\(replyTo.topic) partition \(replyTo.partition)",
        rule: "must name a topic and one of its partitions")
    }
  }

  private func isKnown(_ replyTo: QueryRecord.ReplyTo) -> Bool {
    state.withLock { replyTo.partition < $0.partitionCounts[replyTo.topic] ?? 0 }
  }
}
