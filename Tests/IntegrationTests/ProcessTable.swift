import Foundation

/// What the kernel's `/proc` says of other processes.
enum ProcessTable {
  /// The fields after the name, which may hold spaces itself; empty when there is no such process.
  private static func fields(_ pid: Int32) -> [Substring] {
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      let close = text.lastIndex(of: ")")
    else { return [] }
    return text[text.index(after: close)...].split(separator: " ")
  }

  /// Clock ticks since boot, as a record of `up` holds them.
  static func startTime(of pid: Int32) -> UInt64? {
    let fields = fields(pid)
    return fields.count > 19 ? UInt64(fields[19]) : nil
  }

  static func executable(of pid: Int32) -> String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")
  }

  /// It has ended and nobody has reaped it yet.
  static func isZombie(_ pid: Int32) -> Bool { fields(pid).first == "Z" }

  /// A zombie is dead.
  static func isAlive(_ pid: Int32) -> Bool { !fields(pid).isEmpty && !isZombie(pid) }

  /// It was sent the signal and has not taken it yet.
  static func isPending(_ signal: Int32, of pid: Int32) -> Bool {
    let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
    return status.split(separator: "\n").contains { line in
      guard line.hasPrefix("SigPnd:") || line.hasPrefix("ShdPnd:"),
        let mask = UInt64(line.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16)
      else { return false }
      return mask & 1 << UInt64(signal - 1) != 0
    }
  }

  /// CPU time in user and kernel mode, in seconds, to a hundredth.
  static func cpuSeconds(_ pid: Int32) -> Double {
    let fields = fields(pid)
    return fields.count > 12 ? ((Double(fields[11]) ?? 0) + (Double(fields[12]) ?? 0)) / 100 : 0
  }
}
