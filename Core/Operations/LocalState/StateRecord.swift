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
    /// The path of the program that it runs; empty where that can't be seen; nil in a record of an older release.
    package var executable: String?
    package var state: String
    package var restarts: Int
    package var httpPort: UInt16?

    package init(
      role: String, pid: Int32, startTime: UInt64, executable: String?, state: String, restarts: Int,
      httpPort: UInt16?
    ) {
      self.role = role
      self.pid = pid
      self.startTime = startTime
      self.executable = executable
      self.state = state
      self.restarts = restarts
      self.httpPort = httpPort
    }
  }

  package var supervisorPID: Int32
  package var supervisorStartTime: UInt64
  package var supervisorExecutable: String?
  /// Name to address: `kafka`.
  package var endpoints: [String: String]
  /// Options that reproduce the settings under which everything runs. None holds a secret: `SettingsTable` refuses those.
  package var flags: [String: String]
  package var processes: [ProcessEntry]
  package var isReady: Bool

  /// Whether its supervisor lives, or the broker that it started: a killed supervisor leaves that, and without either
  /// the broker's port may be another's, whatever else is left. With a broker of somebody else, anything that it started.
  package var isAlive: Bool {
    let brokers = processes.filter { ["broker", "kafka"].contains($0.role) }
    return supervisor.isAlive || (brokers.isEmpty ? processes : brokers).contains { $0.identity.isAlive }
  }

  /// A line for each process of the record under whose pid another program runs: it is left alone.
  package var impostors: [String] {
    ([("up", supervisor)] + processes.map { ($0.role, $0.identity) }).compactMap { role, identity in
      identity.impostor.map {
        "pid \(identity.pid) is left alone: it runs \($0), which is not the recorded program of \(role)"
      }
    }
  }

  package var supervisor: ProcessIdentity {
    ProcessIdentity(
      pid: supervisorPID, startTime: supervisorStartTime, program: Self.program("up", supervisorExecutable))
  }

  /// What a process of this role must run.
  ///
  /// - Parameter recorded: nil in a record of a release that did not note programs; empty where it could not be seen.
  fileprivate static func program(_ role: String, _ recorded: String?) -> ProcessIdentity.Program {
    if let recorded { return recorded.isEmpty ? .unseen : .path(recorded) }
    switch role {
    case "kafka": return .named("java")
    case "redis": return .named("redis-")
    case "llm": return .named("llama-server")
    default: return .named("millrace")
    }
  }

  /// - Parameter supervisorProgram: the path of what it runs; empty where that can't be seen.
  package init(
    supervisor: ProcessIdentity, supervisorProgram: String, endpoints: [String: String],
    flags: [String: String],
    processes: [ProcessEntry], isReady: Bool
  ) {
    supervisorPID = supervisor.pid
    supervisorStartTime = supervisor.startTime
    supervisorExecutable = supervisorProgram
    self.endpoints = endpoints
    self.flags = flags
    self.processes = processes
    self.isReady = isReady
  }
}

extension StateRecord.ProcessEntry {
  package var identity: ProcessIdentity {
    ProcessIdentity(pid: pid, startTime: startTime, program: StateRecord.program(role, executable))
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
