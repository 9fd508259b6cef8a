import CommandLine
import Foundation
import Records
import Settings

/// What `up` leaves in its folder for the other commands.
package struct StateRecord: Codable {
  package struct ProcessEntry: Codable {
    package var role: String
    package var pid: Int32
    /// Clock ticks since boot, from /proc: a pid that was used again has another.
    package var startTime: UInt64
    package var state: String
    package var restarts: Int
    package var httpPort: UInt16?

    package init(
      role: String, pid: Int32, startTime: UInt64, state: String, restarts: Int, httpPort: UInt16?
    ) {
      self.role = role
      self.pid = pid
      self.startTime = startTime
      self.state = state
      self.restarts = restarts
      self.httpPort = httpPort
    }
  }

  package var supervisorPID: Int32
  package var supervisorStartTime: UInt64
  /// Name to address: `kafka`.
  package var endpoints: [String: String]
  /// Options that reproduce the settings under which everything runs.
  package var flags: [String: String]
  package var processes: [ProcessEntry]
  package var isReady: Bool

  /// Whether its supervisor lives, or the broker that it started: a killed supervisor leaves that, and without either
  /// the broker's port may be another's, whatever else is left. With a broker of somebody else, anything that it started.
  package var isAlive: Bool {
    let brokers = processes.filter { ["broker", "kafka"].contains($0.role) }
    return ProcessTable.isAlive(supervisorPID, startedAt: supervisorStartTime)
      || (brokers.isEmpty ? processes : brokers).contains {
        ProcessTable.isAlive($0.pid, startedAt: $0.startTime)
      }
  }

  package init(
    supervisorPID: Int32, supervisorStartTime: UInt64, endpoints: [String: String], flags: [String: String],
    processes: [ProcessEntry], isReady: Bool
  ) {
    self.supervisorPID = supervisorPID
    self.supervisorStartTime = supervisorStartTime
    self.endpoints = endpoints
    self.flags = flags
    self.processes = processes
    self.isReady = isReady
  }
}

/// The folder of one `up`.
package struct StateDirectory {
  package let path: String
  package init(path: String) { self.path = path }
  package var recordPath: String { path + "/state.json" }
  /// Locked by the `up` that owns the folder.
  package var lockPath: String { path + "/up.lock" }
  package var logsPath: String { path + "/logs" }
  package var runPath: String { path + "/run" }

  /// `--state`, or the nearest `.millrace` upward from here, or `.millrace` here.
  package static func find(_ arguments: ParsedArguments) -> StateDirectory {
    if let given = arguments.value("--state") {
      return StateDirectory(path: URL(fileURLWithPath: given).standardizedFileURL.path)
    }
    var folder = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
    let here = folder.appendingPathComponent(".millrace").path
    while true {
      let candidate = folder.appendingPathComponent(".millrace").path
      if FileManager.default.fileExists(atPath: candidate) { return StateDirectory(path: candidate) }
      let parent = folder.deletingLastPathComponent()
      if parent.path == folder.path { return StateDirectory(path: here) }
      folder = parent
    }
  }

  package func read() -> StateRecord? {
    guard let data = FileManager.default.contents(atPath: recordPath) else { return nil }
    return try? JSONDecoder().decode(StateRecord.self, from: data)
  }

  package func write(_ record: StateRecord) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try encoder.encode(record).write(to: URL(fileURLWithPath: recordPath), options: .atomic)
  }
}

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

  package static func isAlive(_ pid: Int32, startedAt startTime: UInt64) -> Bool {
    self.startTime(of: pid) == startTime
  }

  /// SIGTERM, and SIGKILL after the grace period; returns when the processes are gone.
  package static func end(_ processes: [(pid: Int32, startTime: UInt64)], grace: TimeInterval) {
    func living() -> [(pid: Int32, startTime: UInt64)] {
      processes.filter { isAlive($0.pid, startedAt: $0.startTime) }
    }
    for process in living() { kill(process.pid, SIGTERM) }
    let limit = Date().addingTimeInterval(grace)
    while !living().isEmpty, Date() < limit { usleep(20_000) }
    for process in living() { kill(process.pid, SIGKILL) }
    while !living().isEmpty, Date() < limit.addingTimeInterval(5) { usleep(20_000) }
  }
}

extension ParsedArguments {
  /// The value of `--tenant`.
  package func tenant(default name: String = TenantID.standard.rawValue) throws -> TenantID {
    let text = value("--tenant") ?? name
    guard let tenant = TenantID(text) else { throw UsageError("--tenant: '\(text)' \(TenantID.rule)") }
    return tenant
  }
}

/// Nothing of an `up` runs in the folder that is meant.
package struct NothingRuns: Error, CustomStringConvertible {
  package let description: String
  package init(_ directory: StateDirectory) {
    description = "nothing runs in \(directory.path): start it with `millrace up --state \(directory.path)`"
  }
}

/// Settings as a command sees them: flags over the running state over the environment over a file.
package enum Configuration {
  /// - Parameters:
  ///   - usingState: whether the settings of a running `up` count.
  ///   - mustRun: whether a folder in which nothing runs any more is refused. Its broker's port may be another one's by
  ///     now, as may the default, and what is meant for one pipeline would be written to, and read from, the other.
  /// - Throws: `SettingsError`; `NothingRuns`.
  package static func settings(
    _ arguments: ParsedArguments, usingState: Bool = true, mustRun: Bool = true
  ) throws -> Settings {
    let directory = StateDirectory.find(arguments)
    let record = usingState ? directory.read() : nil
    var flags = record?.flags ?? [:]
    flags.merge(arguments.named) { $1 }
    let table = try SettingsTable(
      file: arguments.value("--settings"), environment: ProcessInfo.processInfo.environment, flags: flags)
    let settings = try Settings(table)
    guard usingState, mustRun, arguments.named["--kafka-bootstrap-servers"] == nil else { return settings }
    let isTold = table.entries.contains { $0.key == "kafka.bootstrapServers" && $0.source != .default }
    if let record, !record.isAlive { throw NothingRuns(directory) }
    if record == nil, arguments.value("--state") != nil, !isTold { throw NothingRuns(directory) }
    return settings
  }
}
