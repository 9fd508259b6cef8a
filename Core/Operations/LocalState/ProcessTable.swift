import Foundation

/// Processes of this machine, from `/proc`.
package enum ProcessTable {
  /// The processor time that a process has used, user and system, in seconds; nil when the process does not
  /// exist.
  package static func cpuSeconds(of pid: Int32) -> Double? {
    guard pid > 0, let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      let close = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: close)...].split(separator: " ")
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
      return nil
    }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// The start time of a process in clock ticks since boot; nil when the process does not exist or is a zombie.
  package static func startTime(of pid: Int32) -> UInt64? {
    guard pid > 0, let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      let close = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: close)...].split(separator: " ")
    guard fields.count > 19, fields[0] != "Z" else { return nil }
    return UInt64(fields[19])
  }

  /// The path of the program that a process runs; nil when it can't be read. The path stays the same when the
  /// file is replaced, for example by a build.
  package static func executable(of pid: Int32) -> String? {
    guard pid > 0, let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")
    else { return nil }
    let mark = " (deleted)"
    return path.hasSuffix(mark) ? String(path.dropLast(mark.count)) : path
  }

  /// Sends SIGTERM, and SIGKILL after the grace period. Returns when the processes have ended, at most 5 s
  /// after the grace period.
  package static func end(_ processes: [ProcessIdentity], grace: TimeInterval) {
    func living() -> [ProcessIdentity] { processes.filter(\.isAlive) }
    for process in living() { kill(process.pid, SIGTERM) }
    let limit = Date().addingTimeInterval(grace)
    while !living().isEmpty, Date() < limit { usleep(20_000) }
    for process in living() { kill(process.pid, SIGKILL) }
    while !living().isEmpty, Date() < limit.addingTimeInterval(5) { usleep(20_000) }
  }
}
