import Foundation

/// Reads how much memory this process uses.
enum ProcessMemory {
  /// - Parameter name: a name in /proc/self/status: VmRSS for the resident memory, VmHWM for its peak.
  static func bytes(_ name: String) -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") } ?? ""
    return (line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) << 10
  }
}
