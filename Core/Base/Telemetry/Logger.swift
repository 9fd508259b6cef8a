import Foundation
import Synchronization

/// How loud a line is (`style.md` rule 32).
package enum LogLevel: Int, Sendable, Comparable, CaseIterable {
  case trace, debug, info, warning, error

  package init?(name: String) {
    guard let level = LogLevel.allCases.first(where: { $0.name == name }) else { return nil }
    self = level
  }

  package var name: String {
    switch self {
    case .trace: "trace"
    case .debug: "debug"
    case .info: "info"
    case .warning: "warning"
    case .error: "error"
    }
  }

  package static func < (a: LogLevel, b: LogLevel) -> Bool { a.rawValue < b.rawValue }
}

/// The closed set of keys that may appear beside a message; none of them holds users' text, keys or vectors.
package enum LogKey: String, Sendable {
  case topic, partition, offset, requestID = "request_id", recordCount = "record_count", stage, reason, error
  case code, field, rule, group, member, port, path, pid, role, durationMilliseconds = "duration_ms", state
  case count, shard, epoch, instruction, kernel, version, key, value, attempt, address
}

/// Writes one JSON object per line to standard error.
package struct Logger: Sendable {
  private static let threshold = Mutex<LogLevel>(.info)
  private let label: String
  private var bound: [(LogKey, String)] = []

  package init(label: String) { self.label = label }

  /// Sets the lowest level that is written, for the whole process.
  package static func setThreshold(_ level: LogLevel) { threshold.withLock { $0 = level } }

  /// A logger that adds these facts to each of its lines.
  package func with(_ metadata: [(LogKey, String)]) -> Logger {
    var copy = self
    copy.bound += metadata
    return copy
  }

  package func debug(_ message: StaticString, _ metadata: [(LogKey, String)] = []) {
    write(.debug, message, metadata)
  }
  package func info(_ message: StaticString, _ metadata: [(LogKey, String)] = []) {
    write(.info, message, metadata)
  }
  package func warning(_ message: StaticString, _ metadata: [(LogKey, String)] = []) {
    write(.warning, message, metadata)
  }
  package func error(_ message: StaticString, _ metadata: [(LogKey, String)] = []) {
    write(.error, message, metadata)
  }

  private func write(_ level: LogLevel, _ message: StaticString, _ metadata: [(LogKey, String)]) {
    guard level >= Logger.threshold.withLock({ $0 }) else { return }
    var line = "{\"time\":\"\(LogClock.timestamp())\",\"level\":\"\(level.name)\",\"logger\":"
    JSONText.append(label, to: &line)
    line += ",\"message\":"
    JSONText.append(message.description, to: &line)
    for (key, value) in bound + metadata {
      line += ",\"\(key.rawValue)\":"
      JSONText.append(value, to: &line)
    }
    line += "}\n"
    FileHandle.standardError.write(Data(line.utf8))
  }
}

private enum LogClock {
  static func timestamp() -> String {
    Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}

/// The escaping of JSON strings, for logs; records have their own writer.
enum JSONText {
  static func append(_ text: String, to line: inout String) {
    line += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": line += "\\\""
      case "\\": line += "\\\\"
      case "\n": line += "\\n"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        line += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: line.unicodeScalars.append(scalar)
      }
    }
    line += "\""
  }
}
