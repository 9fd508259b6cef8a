import Foundation
import Synchronization

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
