import Failures
import KafkaClient
import Records
import Settings
import Stage
import Time

/// Measures a running pipeline with one query at a time, so that no query waits for another.
package struct LatencyProbe: Sendable {
  private let settings: Settings
  private let tenant: TenantID
  private let question: String
  private let isCached: Bool

  /// - Parameter isCached: true asks in mode answer, and each measured answer must come from the cache; false
  ///   asks in mode retrieve.
  package init(_ settings: Settings, tenant: TenantID, question: String, isCached: Bool) {
    self.settings = settings
    self.tenant = tenant
    self.question = question
    self.isCached = isCached
  }

  /// - Parameters:
  ///   - count: measured queries.
  ///   - warmUp: queries before the measured ones. They open connections, fill caches and create the broker's
  ///     files.
  /// - Throws: `Unavailable` when an answer takes longer than 30 s, or does not come from the cache but
  ///   should; `KafkaFailure`.
  package func measure(count: Int, warmUp: Int) async throws -> LatencyReport {
    let kafka = settings.kafkaConfiguration(clientID: "millrace-latency")
    let producer = try KafkaProducer(kafka)
    let hop = try await HopProbe.open(kafka)
    var report = try await withReader(kafka) { reader in
      let partitions = (0..<settings.partitionCount(.answers)).map {
        TopicPartition(settings.topic(.answers), $0)
      }
      try await reader.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, .end) }))
      var report = LatencyReport(isCached: isCached)
      var timings: [String: (waits: [Double], work: [Double])] = [:]
      for number in 0..<count + warmUp {
        try await Task.sleep(for: .milliseconds(10))
        let (answer, total) = try await ask(producer, reader, mustBeCached: isCached && number >= warmUp)
        try await Task.sleep(for: .milliseconds(10))
        let hopTime = try await hop.measure()
        let hotHopTime = try await hop.measure()
        if number < warmUp { continue }
        report.total.append(total)
        report.overhead.append(total - answer.timings.reduce(0) { $0 + $1.workMilliseconds })
        report.hop.append(hopTime)
        report.hotHop.append(hotHopTime)
        for timing in answer.timings {
          timings[timing.stage, default: ([], [])].waits.append(timing.waitMilliseconds)
          timings[timing.stage, default: ([], [])].work.append(timing.workMilliseconds)
        }
      }
      for stage in ["embed", "search", "retrieve"] {
        guard let timing = timings[stage] else { continue }
        report.waits.append((stage, Percentile.of(timing.waits, 0.5)))
        report.work.append((stage, Percentile.of(timing.work, 0.5)))
      }
      return report
    }
    do { try await hop.close() } catch { report.warning = "\(error)" }
    await producer.close(deadline: .seconds(2))
    return report
  }

  /// - Returns: the answer, and the milliseconds from produce to consume.
  private func ask(_ producer: KafkaProducer, _ reader: ReplayReader, mustBeCached: Bool) async throws
    -> (AnswerRecord, Double)
  {
    var query = QueryRecord(
      id: QueryID(unique: "latency"), tenant: tenant, text: question, mode: isCached ? .answer : .retrieve)
    query.deadlineMilliseconds = 30_000
    let watch = Stopwatch()
    try await producer.send(
      OutgoingRecord(topic: settings.topic(.queries), key: query.key.bytes, value: query.json.bytes))
    guard let answer = try await next(reader, query.key) else {
      throw Unavailable("no answer to \(query.id) within 30 s")
    }
    let total = watch.milliseconds
    if mustBeCached, answer.cache != .exact {
      throw Unavailable("the answer to \(query.id) (\(answer.status.rawValue)) did not come from the cache")
    }
    return (answer, total)
  }

  private func next(_ reader: ReplayReader, _ key: QueryKey) async throws -> AnswerRecord? {
    let deadline = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < deadline {
      for record in try await reader.next(maxRecords: 100, maxWait: .milliseconds(500)) {
        guard let value = record.value, record.key == key.bytes else { continue }
        let answer = try AnswerRecord(value: value)
        if !answer.isVoid(appendedAtMilliseconds: record.timestampMilliseconds) { return answer }
      }
    }
    return nil
  }
}
