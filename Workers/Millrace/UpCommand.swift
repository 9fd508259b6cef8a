import Failures
import Supervision
import CommandLine
import Foundation
import LocalBroker
import LocalState
import Services
import Settings
import Time

/// `millrace up` and `millrace down`: start and stop everything on one machine.
enum UpCommand {
  static let command = Command(
    "up", abstract: "Start the broker and every pool on this machine, and supervise them.",
    discussion: """
      Data, logs, ports and pids are in the state folder (--state). Ctrl-C or `millrace down` stops everything in
      order. A process that ends by itself is restarted after a growing pause.
      """,
    options: [
      .option("--kafka", "HOST:PORT", "use this Kafka instead of the local broker"),
      .option("--kafka-home", "DIR", "start Apache Kafka (KRaft) from this folder instead (or KAFKA_HOME)"),
      .option(
        "--redis", "URL", "use this Redis, redis://host:port, or `none` for no Redis (default: start one)"),
      .option(
        "--llm", "URL", "use this chat endpoint, http://host:port/v1, or `extractive` (default: llama-server)"
      ),
      .option("--shards", "N", "number of search shards, one process each (search.shards)"),
      .flag("--detach", "return when every pool is ready; stop with `millrace down`"),
    ]
  ) { arguments in
    if arguments.flag("--detach") { return try await detach(arguments) }
    BrokenPipes.ignore()
    let supervisor = try Supervisor(
      SupervisorOptions(arguments), in: StateDirectory.find(arguments), environment: environment(),
      report: show)
    do {
      try await supervisor.run(until: StopRequest.fromSignals(interrupt: true).stream)
    } catch {
      await supervisor.stopAll()
      throw error
    }
    return .success
  }

  private static func show(_ report: SupervisorReport) {
    switch report {
    case .warning(let line): Terminal.complain(line)
    case .ready(let endpoints, let state):
      let services = ["kafka", "redis", "llm"].compactMap { name in endpoints[name].map { "\(name) \($0)" } }
      Terminal.print("ready: \(services.joined(separator: ", "))  (state \(state))")
      Terminal.print(
        "next:  millrace documents put DIR   millrace ask \"…\"   millrace status   Ctrl-C stops everything")
    }
  }

  static let down = Command(
    "down", abstract: "Stop everything that `up` started in this state folder."
  ) { arguments in
    let directory = try StateDirectory.find(arguments)
    guard let record = directory.read() else {
      throw Unavailable(
        "nothing to stop: \(directory.recordPath), which `up` writes, is missing or can't be read")
    }
    if let program = record.supervisor.impostor {
      // It may be an `up` that was installed elsewhere, and it would restart every process that is stopped
      // here.
      let pid = record.supervisor.pid
      Terminal.complain(
        "pid \(pid) is not ended: it runs \(program), which is not the recorded program of up. "
          + "If it is a `millrace up`: "
          + "kill \(pid), then run `millrace down --state \(directory.path)` again. "
          + "If not: remove \(directory.recordPath)"
      )
      return .failure
    }
    if record.supervisor.isAlive { ProcessTable.end([record.supervisor], grace: grace(arguments)) }
    let left = record.processes.filter(\.identity.isAlive)
    if !left.isEmpty {
      Terminal.complain("the supervisor no longer runs; stopping \(left.map(\.role).joined(separator: ", "))")
      ProcessTable.end(left.map(\.identity), grace: 15)
    }
    // A recorded pid under which another program runs needs a person's decision.
    let impostors = record.impostors
    for line in impostors { Terminal.complain(line) }
    guard impostors.isEmpty else { return .failure }
    try? FileManager.default.removeItem(atPath: directory.recordPath)
    Terminal.print("stopped")
    return .success
  }

  /// Seconds that a supervisor may take to end: its pools drain first, then its services and its broker stop.
  private static func grace(_ arguments: ParsedArguments) -> Double {
    var grace = 60.0
    do {
      let deadline = try Configuration.settings(arguments, mustRun: false).graceDeadline
      grace = max(grace, Double(deadline.components.seconds) + 35)
    } catch {
      // The pipeline must stop even if the settings are no longer valid.
      Terminal.complain("the settings can't be used (\(error)); the supervisor gets 60 s to stop")
    }
    return grace
  }

  /// The environment of this process. In the background process of `up --detach`, the secrets from standard
  /// input are added: they are not in its own environment, so that only processes that need a secret have it
  /// there.
  private static func environment() throws -> [String: String] {
    let environment = ProcessInfo.processInfo.environment
    guard environment[ChildEnvironment.detached] != nil else { return environment }
    // No data means that the parent was killed first. Without its secrets, every process would start and then
    // be refused by the services.
    guard let data = try FileHandle.standardInput.readToEnd(), !data.isEmpty else {
      throw Unavailable("`up --detach` ended before it passed on its secrets; run it again")
    }
    return environment.merging(try JSONDecoder().decode([String: String].self, from: data)) { $1 }
  }

  /// Starts a supervisor in a session of its own and waits until it is ready or has failed.
  private static func detach(_ arguments: ParsedArguments) async throws -> ExitCode {
    let directory = try StateDirectory.find(arguments)
    // Check the settings of the command line before anything is created, so that an error is printed here and
    // not in the log.
    let settings = try SupervisorOptions(arguments).settings(environment: ProcessInfo.processInfo.environment)
    let isLocal =
      arguments.value("--kafka") == nil && arguments.value("--kafka-home") == nil
      && ProcessInfo.processInfo.environment["KAFKA_HOME"] == nil
    if isLocal, let warning = LocalBroker.exposure(host: settings.broker.host) {
      Terminal.complain("warning: \(warning)")
    }
    try directory.create()
    // Take the lock before the log is replaced: an `up` that already runs here keeps its log.
    try withExtendedLifetime(StateLock(path: directory.lockPath, directory: directory)) {
      if let line = try directory.close() { Terminal.complain(line) }
    }
    let log = directory.logsPath + "/up.log"
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    let child = Process()
    child.executableURL = OwnExecutable.url
    child.arguments = Swift.CommandLine.arguments.dropFirst().filter { $0 != "--detach" }
    let environment = ProcessInfo.processInfo.environment
    child.environment = ChildEnvironment.withoutSecrets(environment).merging([ChildEnvironment.detached: "1"])
    { $1 }
    let secrets = Pipe()
    let output = FileHandle(forWritingAtPath: log)
    child.standardOutput = output
    child.standardError = output
    child.standardInput = secrets
    try withoutBlockedSignals { try child.run() }
    BrokenPipes.ignore()
    do {
      try secrets.fileHandleForWriting.write(
        contentsOf: JSONEncoder().encode(ChildEnvironment.secretsAlone(environment)))
      try secrets.fileHandleForWriting.close()
    } catch {
      // The child has already ended. Its log, which is printed below, says why.
      Terminal.complain("`up` does not read its secrets: \(error.localizedDescription)")
    }
    let started = Date()
    while child.isRunning {
      if let record = directory.read(), record.supervisorPID == child.processIdentifier, record.isReady {
        Terminal.print(
          "ready in \(String(format: "%.1f", Date().timeIntervalSince(started))) s: "
            + record.endpoints.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(
              separator: ", "))
        return .success
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
    Terminal.complain(text.split(separator: "\n").suffix(12).joined(separator: "\n"))
    return child.terminationStatus == 0 ? .failure : ExitCode(rawValue: child.terminationStatus)
  }
}
