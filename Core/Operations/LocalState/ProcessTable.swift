import Foundation

/// Processes of this machine, from `/proc`.
package enum ProcessTable {
  /// Processor time that a process has used, user and system, in seconds; nil when there is no such process.
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

  /// Nil when there is no such process (a zombie counts as none).
  package static func startTime(of pid: Int32) -> UInt64? {
    guard pid > 0, let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      let close = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: close)...].split(separator: " ")
    guard fields.count > 19, fields[0] != "Z" else { return nil }
    return UInt64(fields[19])
  }

  /// The path of the program that a process runs; nil when it can't be seen. A file that was replaced since, as a build
  /// does, keeps its name.
  package static func executable(of pid: Int32) -> String? {
    guard pid > 0, let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")
    else { return nil }
    let mark = " (deleted)"
    return path.hasSuffix(mark) ? String(path.dropLast(mark.count)) : path
  }

  /// SIGTERM, and SIGKILL after the grace period; returns when the processes are gone.
  package static func end(_ processes: [ProcessIdentity], grace: TimeInterval) {
    func living() -> [ProcessIdentity] { processes.filter(\.isAlive) }
    for process in living() { kill(process.pid, SIGTERM) }
    let limit = Date().addingTimeInterval(grace)
    while !living().isEmpty, Date() < limit { usleep(20_000) }
    for process in living() { kill(process.pid, SIGKILL) }
    while !living().isEmpty, Date() < limit.addingTimeInterval(5) { usleep(20_000) }
  }
}
