import CommandLine
import Foundation
import Records
import Settings

/// The record that `up` writes in its state folder for the other commands.
package struct StateRecord: Codable {
  /// One process that `up` started.
  package struct ProcessEntry: Codable {
    package var role: String
    package var pid: Int32
    /// Clock ticks since boot, from /proc. A process that reuses the pid has another start time.
    package var startTime: UInt64
    /// The path of the program; empty when it could not be read; nil in a record of an older release.
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
  /// Addresses by service: `kafka`, `redis` and `llm`.
  package var endpoints: [String: String]
  /// Options that reproduce the settings of the pipeline. None holds a secret: `SettingsTable` refuses
  /// secrets as options.
  package var flags: [String: String]
  package var processes: [ProcessEntry]
  package var isReady: Bool

  /// True while the supervisor or its broker runs. A killed supervisor leaves its broker running. When both
  /// have ended, another program may use the broker's port, even if other processes of the record still run.
  /// When `up` used an existing Kafka, any process of the record counts.
  package var isAlive: Bool {
    let brokers = processes.filter { ["broker", "kafka"].contains($0.role) }
    return supervisor.isAlive || (brokers.isEmpty ? processes : brokers).contains { $0.identity.isAlive }
  }

  /// A line for each recorded pid under which another program runs now. That program is not ended.
  package var impostors: [String] {
    ([("up", supervisor)] + processes.map { ($0.role, $0.identity) }).compactMap { role, identity in
      identity.impostor.map {
        "pid \(identity.pid) is not ended: it runs \($0), which is not the recorded program of \(role)"
      }
    }
  }

  package var supervisor: ProcessIdentity {
    ProcessIdentity(
      pid: supervisorPID, startTime: supervisorStartTime, program: Self.program("up", supervisorExecutable))
  }

  /// The program that a process of this role must run.
  ///
  /// - Parameter recorded: nil in a record of a release that did not store programs; empty when the program
  ///   could not be read.
  fileprivate static func program(_ role: String, _ recorded: String?) -> ProcessIdentity.Program {
    if let recorded { return recorded.isEmpty ? .unseen : .path(recorded) }
    switch role {
    case "kafka": return .named("java")
    case "redis": return .named("redis-")
    case "llm": return .named("llama-server")
    default: return .named("millrace")
    }
  }

  /// - Parameter supervisorProgram: the path of its program; empty when it can't be read.
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
  ///
  /// - Throws: `UsageError` when the value is not a tenant id.
  package func tenant(default name: String = TenantID.standard.rawValue) throws -> TenantID {
    let text = value("--tenant") ?? name
    guard let tenant = TenantID(text) else { throw UsageError("--tenant: '\(text)' \(TenantID.rule)") }
    return tenant
  }
}
