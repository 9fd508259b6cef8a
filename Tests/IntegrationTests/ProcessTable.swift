import Foundation

/// Reads the state of other processes from `/proc`.
enum ProcessTable {
  /// The fields of `/proc/PID/stat` after the process name, which may contain spaces; empty if there is no such
  /// process.
  private static func fields(_ pid: Int32) -> [Substring] {
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      let close = text.lastIndex(of: ")")
    else { return [] }
    return text[text.index(after: close)...].split(separator: " ")
  }

  /// When the process started, in clock ticks since boot, as in `state.json`.
  static func startTime(of pid: Int32) -> UInt64? {
    let fields = fields(pid)
    return fields.count > 19 ? UInt64(fields[19]) : nil
  }

  static func executable(of pid: Int32) -> String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")
  }

  /// Whether the process has ended and has not been reaped yet.
  static func isZombie(_ pid: Int32) -> Bool { fields(pid).first == "Z" }

  /// Whether the process runs. A zombie does not.
  static func isAlive(_ pid: Int32) -> Bool { !fields(pid).isEmpty && !isZombie(pid) }

  /// Whether the signal was sent to the process and has not been delivered yet.
  static func isPending(_ signal: Int32, of pid: Int32) -> Bool {
    let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
    return status.split(separator: "\n").contains { line in
      guard line.hasPrefix("SigPnd:") || line.hasPrefix("ShdPnd:"),
        let mask = UInt64(line.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16)
      else { return false }
      return mask & 1 << UInt64(signal - 1) != 0
    }
  }

  /// CPU time in user and kernel mode, in seconds, in steps of 0.01.
  static func cpuSeconds(_ pid: Int32) -> Double {
    let fields = fields(pid)
    return fields.count > 12 ? ((Double(fields[11]) ?? 0) + (Double(fields[12]) ?? 0)) / 100 : 0
  }
}
