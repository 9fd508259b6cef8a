import Telemetry

/// How often a worker has asked its LLM since the worker started, and how often it had to quote instead. A value, read
/// from the worker's metrics.
package struct LLMCalls: Sendable, Equatable {
  /// Calls that have ended, failed calls included.
  package private(set) var count = 0
  /// How many answers are quotes, by the metric's reason. `late` means that no call was begun, `unsupported` that the
  /// documents did not support the LLM's sentences; every other reason means that the LLM failed.
  package private(set) var fallbacks: [String: Int] = [:]

  /// - Parameter page: in Prometheus' text format.
  package init(metrics page: String) {
    let calls = "\(MetricName.modelDuration.prometheusName)_count"
    let quotes = MetricName.generationFallbacks.prometheusName
    for line in page.split(separator: "\n") where !line.hasPrefix("#") {
      guard let end = line.lastIndex(of: " "), let value = Double(line[line.index(after: end)...]),
        value.isFinite, value < 1e15
      else { continue }
      if line.hasPrefix("\(calls){"), Self.label("gen_ai_operation_name", line) == "chat" {
        count += Int(value)
      } else if line.hasPrefix("\(quotes){"), let reason = Self.label("reason", line) {
        fallbacks[reason, default: 0] += Int(value)
      }
    }
  }

  private static func label(_ name: String, _ line: Substring) -> String? {
    guard let start = line.firstRange(of: "\(name)=\"")?.upperBound else { return nil }
    return String(line[start...].prefix { $0 != "\"" })
  }

  /// Answers for which the LLM was asked, or would have been asked if there had been enough time.
  private var answers: Int { count + fallbacks["late", default: 0] }
  private var failed: Int { fallbacks.filter { $0.key != "unsupported" }.values.reduce(0, +) }

  /// For example `LLM 12 calls, 42 % quoted instead: unsupported 3, refused 2`; nil when no answer needed a call.
  package var summary: String? {
    guard answers > 0 else { return nil }
    let quoted = fallbacks.values.reduce(0, +)
    let text = "LLM \(count) \(count == 1 ? "call" : "calls")"
    guard quoted > 0 else { return text }
    let reasons = fallbacks.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    let list = reasons.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    return "\(text), \(quoted * 100 / answers) % quoted instead: \(list)"
  }

  /// True if the LLM failed for more than half of the answers, and for at least three.
  package var isFailing: Bool { failed >= 3 && failed * 2 > answers }
}
