import CommandLine
import Foundation
import KafkaClient
import LocalState
import Records
import Stage

/// The parsed command line of `loadgen replay`.
struct ReplayPlan {
  let trace: Trace
  let speed: Double
  let count: Int
  let template: QueryRecord

  init(_ arguments: ParsedArguments) throws {
    guard arguments.positionals.count == 1, let questions = arguments.value("--questions") else {
      throw UsageError("give one TRACE and --questions FILE")
    }
    trace = try Trace(path: arguments.positionals[0], questions: questions)
    if let rate = arguments.value("--rate") {
      guard arguments.value("--speed") == nil else { throw UsageError("give --speed or --rate, not both") }
      guard let rate = Double(rate), rate > 0, rate <= 100_000 else {
        throw UsageError("--rate: '\(rate)' must be a number above 0, at most 100000")
      }
      speed = rate / trace.rate
    } else {
      let text = arguments.value("--speed") ?? "1"
      guard let value = Double(text.hasSuffix("x") ? String(text.dropLast()) : text), value > 0,
        value <= 10_000
      else { throw UsageError("--speed: '\(text)' must be a number above 0, at most 10000, such as 10x") }
      speed = value
    }
    if let text = arguments.value("--duration") {
      let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
      guard let unit = text.last.flatMap({ units[$0] }), let number = Double(text.dropLast()), number > 0
      else {
        throw UsageError("--duration: '\(text)' must be a number above 0 with s, m or h, such as 60s")
      }
      let duration = number * unit
      var count = 0
      while trace.arrival(count, speed: speed).at < duration { count += 1 }
      self.count = count
    } else {
      count = trace.arrivals.count
    }
    guard let id = QueryID("replay") else { throw UsageError("'replay' is not a valid query id") }
    var query = QueryRecord(id: id, tenant: try arguments.tenant(), text: "?")
    query.deadlineMilliseconds =
      Int64(
        try arguments.integer("--deadline", in: 1...Int(QueryRecord.deadlineMaxMilliseconds))
          ?? Int(QueryRecord.deadlineDefaultMilliseconds))
    if let policy = arguments.value("--cache") {
      guard let known = QueryRecord.CachePolicy(rawValue: policy) else {
        throw UsageError("--cache: '\(policy)' must be default, bypass or refresh")
      }
      query.cache = known
    }
    if let mode = arguments.value("--mode") {
      guard let known = QueryRecord.Mode(rawValue: mode) else {
        throw UsageError("--mode: '\(mode)' must be answer or retrieve")
      }
      query.mode = known
    }
    template = query
  }
}
