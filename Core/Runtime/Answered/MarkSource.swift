import KafkaClient
import Records
import Stage
import Time

/// A topic that is partitioned by the query's key, and the marks that its records stand for.
package struct MarkSource: Sendable {
  package let topic: TopicName
  package let marks: @Sendable (ConsumerRecord) -> QueryMark?

  /// Each answer is the terminal state of its query, unless it is void.
  package static let answers = MarkSource(topic: .answers) { record in
    record.isVoidAnswer ? nil : record.key.map { .answered($0) }
  }

  /// Each prompt finishes its round.
  package static let prompts = MarkSource(topic: .prompts) { record in
    guard let key = record.key, let value = record.value,
      let round = try? PromptRecord.round(wireBytes: value)
    else { return nil }
    return .finished(key, round: round)
  }

  /// A search of a later round finishes the round before it.
  package static let searches = MarkSource(topic: .searches) { record in
    guard let key = record.key, let value = record.value,
      let round = try? SearchRecord.round(wireBytes: value),
      round > 0
    else { return nil }
    return .finished(key, round: round - 1)
  }
}

extension ConsumerRecord {
  /// Whether a record of `rag.answers` was appended too long after its documents were checked.
  fileprivate var isVoidAnswer: Bool {
    guard let checkedAt = header(HeaderName.checkedAt).flatMap({ Int64($0) }),
      (0...(1 << 52)).contains(checkedAt)
    else { return false }
    return timestampMilliseconds - checkedAt
      > AnswerRecord.validity.milliseconds
  }
}
