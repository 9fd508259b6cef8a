import BlockingExecutor
import CommandLine
import Foundation
import KafkaClient
import Records
import Settings
import Stage

/// Sends queries and waits for their answers; what `ask`, `search`, `eval` and `demo` share.
struct QueryClient: Sendable {
  let settings: Settings
  private let producer: KafkaProducer
  private let kafka: KafkaConfiguration

  init(settings: Settings) throws {
    self.settings = settings
    kafka = settings.kafkaConfiguration(clientID: "millrace-ask")
    producer = try KafkaProducer(kafka)
  }

  func close() async { await producer.close(deadline: .seconds(5)) }

  /// Fails fast when nobody is there, instead of waiting for a broker that never comes.
  static func check(_ settings: Settings) async throws {
    let admin = KafkaAdmin(settings.kafkaConfiguration(clientID: "millrace-check"))
    let topics: [String: Int32]
    do {
      topics = try await admin.topics(timeout: .seconds(4))
    } catch {
      await admin.close()
      throw Unavailable(
        description:
          "no broker answers at \(settings.kafka.bootstrapServers) (\(error)); start one with `millrace up`")
    }
    await admin.close()
    guard topics[settings.topic(.queries)] != nil else {
      throw Unavailable(
        description: "topic \(settings.topic(.queries)) is missing: run `millrace topics create`")
    }
  }

  /// - Returns: the answer, nil when none came before the deadline and five seconds more.
  func ask(_ query: QueryRecord) async throws -> AnswerRecord? {
    let answers = try await ask([query], concurrency: 1) { _, _ in }
    return answers[0]
  }

  /// Asks several questions, at most `concurrency` at once, in order.
  ///
  /// - Parameter progress: called with the number of answers so far and the newest.
  func ask(
    _ queries: [QueryRecord], concurrency: Int, progress: @Sendable (Int, AnswerRecord) -> Void
  ) async throws -> [AnswerRecord?] {
    let reader = ReplayReader(kafka)
    let topic = settings.topic(.answers)
    let count = settings.partitionCount(.answers)
    let partitions = Set(queries.map { Partitioner.partition(ofKey: $0.key.bytes, partitionCount: count) })
    // The position is fixed before the first query is sent: no answer can come too early.
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
        open[answer.key] = nil
        answers[index] = answer
        done += 1
        progress(done, answer)
      }
      if ContinuousClock.now > deadline { break }
    }
    await reader.close()
    return answers
  }
}
