import BlockingExecutor
import Failures
import KafkaClient
import Records
import Settings
import Stage

/// Sends queries to Kafka and waits for their answers; for the commands of the CLI.
package struct QueryClient: Sendable {
  package let settings: Settings
  private let producer: KafkaProducer
  private let kafka: KafkaConfiguration

  /// - Throws: `KafkaFailure` when the Kafka settings can't be used. There is no connection yet.
  package init(settings: Settings) throws {
    self.settings = settings
    kafka = settings.kafkaConfiguration(clientID: "millrace-ask")
    producer = try KafkaProducer(kafka)
  }

  /// Waits up to five seconds for unsent queries.
  package func close() async { await producer.close(deadline: .seconds(5)) }

  /// Checks that the broker and the query topic exist, so that a command fails within 6 s instead of waiting.
  ///
  /// - Throws: `Unavailable`, which says what to start or create.
  package static func check(_ settings: Settings) async throws {
    let topics: [String: Int32]
    do {
      topics = try await withAdmin(settings.kafkaConfiguration(clientID: "millrace-check")) { admin in
        // Twice: a machine that stalls for seconds must not fail a command.
        do {
          return try await admin.topics(timeout: .seconds(4))
        } catch let error as KafkaFailure where error.kind == .retriable && !Task.isCancelled {
          return try await admin.topics(timeout: .seconds(2))
        }
      }
    } catch {
      throw Unavailable(
        "no broker answers at \(settings.kafka.bootstrapServers) (\(error)); start one with `millrace up`")
    }
    guard topics[settings.topic(.queries)] != nil else {
      throw Unavailable("topic \(settings.topic(.queries)) is missing: run `millrace topics create`")
    }
  }

  /// - Returns: the answer; nil when there was none until five seconds after the query's deadline.
  /// - Throws: `KafkaFailure`; `FieldError` for an answer record that can't be read.
  package func ask(_ query: QueryRecord) async throws -> AnswerRecord? {
    let answers = try await ask([query], concurrency: 1) { _, _ in }
    return answers[0]
  }

  /// Asks several queries in their order, at most `concurrency` at once.
  ///
  /// - Parameter progress: called with the number of answers so far and the newest answer.
  /// - Returns: an answer per query, in the order of `queries`; nil where there was none until five seconds
  ///   after the deadline of the query that was sent last. Queries that are not sent by then are never sent.
  /// - Throws: `KafkaFailure`; `FieldError` for an answer record that can't be read.
  package func ask(
    _ queries: [QueryRecord], concurrency: Int, progress: @Sendable (Int, AnswerRecord) -> Void
  ) async throws -> [AnswerRecord?] {
    try await withReader(kafka) { reader in
      let topic = settings.topic(.answers)
      let count = settings.partitionCount(.answers)
      let partitions = Set(queries.map { Partitioner.partition(ofKey: $0.key.bytes, partitionCount: count) })
      // The position is fixed before the first query is sent: no answer can be missed.
      try await reader.assign(
        Dictionary(uniqueKeysWithValues: partitions.map { (TopicPartition(topic, $0), .end) }))
      await BlockingCalls(name: "warm-up").run { producer.warmUp([settings.topic(.queries)]) }
      var answers = [AnswerRecord?](repeating: nil, count: queries.count)
      var open: [String: Int] = [:]
      var next = 0
      var done = 0
      var deadline = ContinuousClock.now
      while done < queries.count {
        while next < queries.count, open.count < concurrency {
          let query = queries[next]
          open[query.key.description] = next
          next += 1
          deadline = .now + .milliseconds(query.deadlineMilliseconds) + .seconds(5)
          try await producer.send(
            OutgoingRecord(topic: settings.topic(.queries), key: query.key.bytes, value: query.json.bytes))
        }
        for record in try await reader.next(maxRecords: 500, maxWait: .milliseconds(500)) {
          guard let key = record.key, let index = open[String(decoding: key, as: UTF8.self)],
            let value = record.value
          else { continue }
          let answer = try AnswerRecord(value: value)
          // Anyone who may write to the topic can write an answer under the key of another query.
          guard answer.key == String(decoding: key, as: UTF8.self) else { continue }
          // The writer of a void answer answers again.
          if answer.isVoid(appendedAtMilliseconds: record.timestampMilliseconds) { continue }
          open[answer.key] = nil
          answers[index] = answer
          done += 1
          progress(done, answer)
        }
        if ContinuousClock.now > deadline { break }
      }
      return answers
    }
  }
}
