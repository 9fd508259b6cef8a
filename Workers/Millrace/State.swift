import CommandLine
import Foundation
import Records
import Settings

/// What `up` leaves in its folder for the other commands.
struct StateRecord: Codable {
  struct ProcessEntry: Codable {
    var role: String
    var pid: Int32
    /// Clock ticks since boot, from /proc: a pid that was used again has another.
    var startTime: UInt64
    var state: String
    var restarts: Int
    var httpPort: UInt16?
  }

  var supervisorPID: Int32
  var supervisorStartTime: UInt64
  /// Name to address: `kafka`.
  var endpoints: [String: String]
  /// Options that reproduce the settings under which everything runs.
  var flags: [String: String]
  var processes: [ProcessEntry]
  var isReady: Bool
}

/// The folder of one `up`.
struct StateDirectory {
  let path: String
  var recordPath: String { path + "/state.json" }
  var logsPath: String { path + "/logs" }
  var runPath: String { path + "/run" }

  /// `--state`, or the nearest `.millrace` upward from here, or `.millrace` here.
  static func find(_ arguments: ParsedArguments) -> StateDirectory {
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

  func read() -> StateRecord? {
    guard let data = FileManager.default.contents(atPath: recordPath) else { return nil }
    return try? JSONDecoder().decode(StateRecord.self, from: data)
  }

  func write(_ record: StateRecord) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try encoder.encode(record).write(to: URL(fileURLWithPath: recordPath), options: .atomic)
  }
}

enum ProcessTable {
  /// Nil when there is no such process (a zombie counts as none).
  static func startTime(of pid: Int32) -> UInt64? {
    guard pid > 0, let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      let close = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: close)...].split(separator: " ")
    guard fields.count > 19, fields[0] != "Z" else { return nil }
    return UInt64(fields[19])
  }

  static func isAlive(_ pid: Int32, startedAt startTime: UInt64) -> Bool {
    self.startTime(of: pid) == startTime
  }

  /// SIGTERM, and SIGKILL after the grace period; returns when the processes are gone.
  static func end(_ processes: [(pid: Int32, startTime: UInt64)], grace: TimeInterval) {
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

/// Settings as a command sees them: flags over the running state over the environment over a file.
extension ParsedArguments {
  /// The value of `--tenant`.
  func tenant(default name: String = TenantID.standard.rawValue) throws -> TenantID {
    let text = value("--tenant") ?? name
    guard let tenant = TenantID(text) else { throw UsageError("--tenant: '\(text)' \(TenantID.rule)") }
    return tenant
  }
}

enum Configuration {
  static func settings(_ arguments: ParsedArguments, usingState: Bool = true) throws -> Settings {
    var flags = usingState ? (StateDirectory.find(arguments).read()?.flags ?? [:]) : [:]
    flags.merge(arguments.named) { $1 }
    return try Settings(
      SettingsTable(
        file: arguments.value("--settings"), environment: ProcessInfo.processInfo.environment, flags: flags))
  }
}
