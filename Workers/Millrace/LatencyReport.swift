import CommandLine
import Foundation
import KafkaClient
import LocalState
import Records
import Settings
import Stage
import Time

struct LatencyReport: Sendable {
  var isCached: Bool
  var total: [Double]
  var overhead: [Double]
  var waits: [(stage: String, p50: Double)]
  var work: [(stage: String, p50: Double)]
  /// After a pause as long as between queries: an idle processor takes its time to wake, here as there.
  var hop: [Double]
  /// Right after another: caches and processor awake.
  var hotHop: [Double]

  /// One query at a time: nothing waits for anything but the path itself.
  static func measure(
    _ settings: Settings, tenant: TenantID, count: Int, warmUp: Int, question: String, isCached: Bool
  ) async throws -> LatencyReport {
    let kafka = settings.kafkaConfiguration(clientID: "millrace-latency")
    let producer = try KafkaProducer(kafka)
    let reader = ReplayReader(kafka)
    let topic = settings.topic(.answers)
    try await reader.assign(
      Dictionary(
        uniqueKeysWithValues: (0..<settings.partitionCount(.answers)).map {
          (TopicPartition(topic, $0), .end)
        }))
    var report = LatencyReport(
      isCached: isCached, total: [], overhead: [], waits: [], work: [], hop: [], hotHop: [])
    var timings: [String: (waits: [Double], work: [Double])] = [:]
    let hop = try await HopProbe.open(kafka)
    for number in 0..<count + warmUp {
      guard let id = QueryID("latency-\(UUID().uuidString.lowercased())") else { continue }
      var query = QueryRecord(id: id, tenant: tenant, text: question, mode: isCached ? .answer : .retrieve)
      query.deadlineMilliseconds = 30_000
      try await Task.sleep(for: .milliseconds(10))
      let watch = Stopwatch()
      try await producer.send(
        OutgoingRecord(topic: settings.topic(.queries), key: query.key.bytes, value: query.json.bytes))
      guard let answer = try await next(reader, query.key) else {
        throw Unavailable(description: "no answer to \(id) within 30 s")
      }
      let total = watch.milliseconds
      if isCached, number >= warmUp, answer.cache != .exact {
        throw Unavailable(
          description: "the answer to \(id) (\(answer.status.rawValue)) came not from the cache")
      }
      try await Task.sleep(for: .milliseconds(10))
      let hopTime = try await hop.measure()
      let hotHopTime = try await hop.measure()
      if number < warmUp { continue }  // connections and caches, and a new topic's files at the broker
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
    await hop.close()
    await reader.close()
    await producer.close(deadline: .seconds(2))
    return report
  }

  private static func next(_ reader: ReplayReader, _ key: QueryKey) async throws -> AnswerRecord? {
    let deadline = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < deadline {
      for record in try await reader.next(maxRecords: 100, maxWait: .milliseconds(500)) {
        guard let value = record.value, record.key == key.bytes else { continue }
        return try AnswerRecord(value: value)
      }
    }
    return nil
  }

  private func both(_ values: [Double]) -> (Double, Double) {
    (Percentile.of(values, 0.5), Percentile.of(values, 0.99))
  }

  var json: JSONValue {
    .object([
      "queries": .int(total.count), "total_p50_ms": .double(both(total).0),
      "total_p99_ms": .double(both(total).1),
      "overhead_p50_ms": .double(both(overhead).0), "overhead_p99_ms": .double(both(overhead).1),
      "hop_p50_ms": .double(both(hop).0), "hop_p99_ms": .double(both(hop).1),
      "hop_back_to_back_p50_ms": .double(both(hotHop).0),
      "bar_cached_p50_ms": isCached ? .double(2 * both(hop).0 + 1.5) : nil,
      "overhead_in_hops_p50": .double(both(overhead).0 / max(0.001, both(hop).0)),
      "waits_p50_ms": .object(waits.map { JSONMember(name: $0.stage, value: .double($0.p50)) }),
      "work_p50_ms": .object(work.map { JSONMember(name: $0.stage, value: .double($0.p50)) }),
    ])
  }

  var text: String {
    func line(_ name: String, _ values: [Double]) -> String {
      let (p50, p99) = both(values)
      return
        "\(name.padding(toLength: 34, withPad: " ", startingAt: 0)) p50 \(String(format: "%.2f", p50)) ms  p99 \(String(format: "%.2f", p99)) ms"
    }
    var lines = [
      "\(total.count) queries, one at a time, \(isCached ? "answered from the cache" : "in mode retrieve")",
      line("query produced to answer consumed", total),
      line("of which not work", overhead), line("bare hop, as idle as the queries", hop),
      line("bare hop, back to back", hotHop),
      "not work, in hops (p50): \(String(format: "%.2f", both(overhead).0 / max(0.001, both(hop).0)))",
    ]
    if isCached {
      lines.append(String(format: "two hops and 1.5 ms (the bar for p50): %.2f ms", 2 * both(hop).0 + 1.5))
    }
    for (wait, work) in zip(waits, self.work) {
      lines.append(
        "  \(wait.stage): waited \(String(format: "%.2f", wait.p50)) ms, worked \(String(format: "%.2f", work.p50)) ms (p50)"
      )
    }
    return lines.joined(separator: "\n")
  }
}
