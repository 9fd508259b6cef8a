import KafkaClient
import Records
import Stage
import Synchronization

/// Checks that a query's `reply_to` names an existing topic and partition, to which the settings allow copies.
final class ReplyTopics: Sendable {
  private struct State {
    var partitionCounts: [String: Int32] = [:]
    var readAt = ContinuousClock.now - .seconds(3600)
  }

  /// Topics are looked up at most this often, for all queries together.
  private static let interval = Duration.seconds(5)
  private let context: StageContext
  private let state = Mutex(State())

  init(_ context: StageContext) { self.context = context }

  /// - Throws: `FieldError` for a `reply_to` that is refused; `KafkaFailure` when the broker can't be asked.
  func check(_ query: QueryRecord) async throws {
    guard let replyTo = query.replyTo else { return }
    if let rule = context.settings.kafka.brokenReplyRule(replyTo.topic) {
      throw FieldError(.badValue, field: "reply_to.topic", value: replyTo.topic, rule: rule)
    }
    if !isKnown(replyTo), state.withLock({ ContinuousClock.now - $0.readAt > Self.interval }) {
      let counts = try await withAdmin(context.kafka) { try await $0.topics(timeout: .seconds(3)) }
      state.withLock { $0 = State(partitionCounts: counts, readAt: .now) }
    }
    guard isKnown(replyTo) else {
      throw FieldError(
        .badValue, field: "reply_to", value: "\(replyTo.topic) partition \(replyTo.partition)",
        rule: "must name a topic and one of its partitions")
    }
  }

  private func isKnown(_ replyTo: QueryRecord.ReplyTo) -> Bool {
    state.withLock { replyTo.partition < $0.partitionCounts[replyTo.topic] ?? 0 }
  }
}
