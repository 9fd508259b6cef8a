import Records
import Time

/// The results of a replay.
struct ReplayReport: Sendable {
  var sent = 0
  var states: [String: Int] = [:]
  var lost = 0
  /// Queries with more than one answer.
  var doubled = 0
  /// Queries whose answers have different states.
  var differing = 0
  var cacheHits = 0
  /// Milliseconds from the scheduled time until the answer was consumed.
  var latencies: [Double] = []
  /// `latencies` of the answers from the cache, and of the others.
  var cachedLatencies: [Double] = []
  var madeLatencies: [Double] = []
  /// Milliseconds that queries waited for each stage and that the stage worked on them.
  var stageWaits: [String: [Double]] = [:]
  var stageWorks: [String: [Double]] = [:]
  /// How late the generator itself sent each query, in milliseconds.
  var lateness: [Double] = []
  var seconds = 0.0
  var speed = 0.0
  /// The highest rate of the generator, in queries per second, measured with only a broker.
  var ceiling = 0.0
  /// The largest number of queries that were scheduled for one second.
  var peak = 0
  /// Processor seconds by the processes' roles; empty when no `up` runs with this state folder.
  var cpu: [String: Double] = [:]

  static let latenessMax = 50.0
  static let ceilingShare = 0.8

  /// The reasons why the figures describe the generator and not the pipeline.
  var invalid: [String] {
    var reasons: [String] = []
    if Double(peak) > Self.ceilingShare * ceiling {
      reasons.append(
        "\(peak) queries in one second are more than \(Self.ceilingShare) of the generator's own ceiling, "
          + "\(Int(ceiling))/s")
    }
    let late = Percentile.of(lateness, 0.99)
    if late > Self.latenessMax {
      reasons.append("the generator itself was late: p99 \(Int(late)) ms, limit \(Int(Self.latenessMax)) ms")
    }
    return reasons
  }

  var isGood: Bool { lost == 0 && differing == 0 && invalid.isEmpty }

  private static let stageOrder = ["embed", "search", "retrieve", "generate"]

  private static func summary(_ values: [Double]) -> JSONValue {
    .object([
      "p50": .double(rounded(Percentile.of(values, 0.5))),
      "p95": .double(rounded(Percentile.of(values, 0.95))),
      "p99": .double(rounded(Percentile.of(values, 0.99))), "max": .double(rounded(values.max() ?? 0)),
    ])
  }

  private static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }

  private static func line(_ name: String, _ values: [Double]) -> String {
    let figures = [0.5, 0.95, 0.99].map { format(Percentile.of(values, $0)) } + [format(values.max() ?? 0)]
    return "  " + name.padded(to: 22) + figures.map { $0.leftPadded(to: 10) }.joined()
  }

  private static func format(_ value: Double) -> String {
    // The times in an answer are not trusted: they may be too large for `Int`.
    let tenths = Int(min(1e15, max(-1e15, (value * 10).rounded())))
    return "\(tenths / 10).\(tenths % 10)"
  }

  private var cpuTotal: Double { cpu.values.reduce(0, +) }
  private var finished: Int { states.values.reduce(0, +) }

  var json: JSONValue {
    var members: [(String, JSONValue?)] = [
      ("sent", .int(sent)), ("seconds", .double(Self.rounded(seconds))), ("speed", .double(speed)),
      ("rate", .double(Self.rounded(Double(sent) / max(seconds, 0.001)))),
      (
        "states",
        .object(
          AnswerRecord.Status.allCases.map {
            JSONMember(name: $0.rawValue, value: .int(states[$0.rawValue] ?? 0))
          })
      ),
      ("lost", .int(lost)), ("doubled", .int(doubled)), ("differing", .int(differing)),
      ("cache_hits", .int(cacheHits)), ("latency_ms", Self.summary(latencies)),
      ("cached_latency_ms", Self.summary(cachedLatencies)), ("made_latency_ms", Self.summary(madeLatencies)),
    ]
    members.append(
      (
        "stages_ms",
        .object(
          Self.stageOrder.filter { stageWorks[$0] != nil }.map {
            JSONMember(
              name: $0,
              value: .object([
                "wait": Self.summary(stageWaits[$0] ?? []), "work": Self.summary(stageWorks[$0] ?? []),
              ]))
          })
      ))
    members += [
      ("generator_lateness_ms", Self.summary(lateness)), ("generator_ceiling", .double(ceiling.rounded())),
      ("generator_peak", .int(peak)), ("invalid", .array(invalid.map(JSONValue.string))),
    ]
    if !cpu.isEmpty {
      members.append(
        (
          "cpu_s",
          .object(
            cpu.sorted { $0.key < $1.key }.map {
              JSONMember(name: $0.key, value: .double(Self.rounded($0.value)))
            })
        ))
      members.append(
        ("queries_per_cpu_s", .double(Self.rounded(Double(finished) / max(cpuTotal, 0.01)))))
    }
    return .object(members.compactMap { name, value in value.map { JSONMember(name: name, value: $0) } })
  }

  var text: String {
    let ended = AnswerRecord.Status.allCases.map { "\($0.rawValue) \(states[$0.rawValue] ?? 0)" }.joined(
      separator: ", ")
    var lines = [
      "sent \(sent) in \(Self.format(seconds)) s (\(Self.format(Double(sent) / max(seconds, 0.001)))/s, "
        + "speed \(Self.format(speed))x)",
      "\(ended); lost \(lost), doubled \(doubled), differing \(differing)",
      "cache hits \(cacheHits) (\(Self.format(100 * Double(cacheHits) / Double(max(1, finished)))) %)",
      "  ms from the schedule".padded(to: 24)
        + ["p50", "p95", "p99", "max"].map { $0.leftPadded(to: 10) }.joined(),
      Self.line("all", latencies),
    ]
    if !cachedLatencies.isEmpty { lines.append(Self.line("from the cache", cachedLatencies)) }
    if !madeLatencies.isEmpty { lines.append(Self.line("made", madeLatencies)) }
    for stage in Self.stageOrder where stageWorks[stage] != nil {
      lines.append(Self.line("\(stage): waiting", stageWaits[stage] ?? []))
      lines.append(Self.line("\(stage): work", stageWorks[stage] ?? []))
    }
    lines.append(
      "generator: ceiling \(Int(ceiling))/s, busiest second \(peak), "
        + "late p99 \(Self.format(Percentile.of(lateness, 0.99))) ms"
    )
    if !cpu.isEmpty {
      lines.append(
        "processor seconds: "
          + cpu.sorted { $0.value > $1.value }.map { "\($0.key) \(Self.format($0.value))" }.joined(
            separator: ", ")
          + "; \(Self.format(Double(finished) / max(cpuTotal, 0.01))) queries per processor second")
    }
    lines += invalid.map { "INVALID: \($0)" }
    return lines.joined(separator: "\n")
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
  fileprivate func leftPadded(to width: Int) -> String {
    String(repeating: " ", count: max(0, width - count)) + self
  }
}
