import Foundation

/// What /proc says of this process's memory.
enum ProcessMemory {
  /// - Parameter name: of a line of /proc/self/status: VmRSS, or VmHWM for the peak.
  static func bytes(_ name: String) -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") } ?? ""
    return (line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) << 10
  }
}
