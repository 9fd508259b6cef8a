import Failures
import Supervision
import CommandLine
import Foundation
import LocalBroker
import LocalState
import Services
import Settings
import Time

/// `millrace up` and `millrace down`: everything on one machine.
enum UpCommand {
  static let command = Command(
    "up", abstract: "Start the broker and every pool on this machine, and supervise them.",
    discussion: """
      Data, logs, ports and pids lie in the state folder (--state, default ./.millrace). Ctrl-C or `millrace down`
      ends everything in order. A process that dies is started again with a growing pause.
      """,
    options: [
      .option("--kafka", "HOST:PORT", "use this Kafka instead of the local broker"),
      .option("--kafka-home", "DIR", "start Apache Kafka (KRaft) from this folder instead (or KAFKA_HOME)"),
      .option("--redis", "URL", "use this Redis, redis://host:port, or `none` (default: one is started)"),
      .option(
        "--llm", "URL", "use this chat endpoint, http://host:port/v1, or `extractive` (default: llama-server)"
      ),
      .option("--shards", "N", "search shards, each a process (search.shards)"),
      .flag("--detach", "return when every pool is ready; end it with `millrace down`"),
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
        "next:  millrace documents put DIR   millrace ask \"…\"   millrace status   Ctrl-C ends it")
    }
  }

  static let down = Command("down", abstract: "End what `up` started in this state folder.") { arguments in
    let directory = try StateDirectory.find(arguments)
    guard let record = directory.read() else {
      throw Unavailable("nothing was started in \(directory.path)")
    }
    if let program = record.supervisor.impostor {
      // It may be an `up` of another place, which would start again whatever is ended here.
      let pid = record.supervisor.pid
      Terminal.complain(
        "pid \(pid) is left alone: it runs \(program), which is not the recorded program of up. If it is a `millrace up`: "
          + "kill \(pid), then run `millrace down --state \(directory.path)` again. If not: remove \(directory.recordPath)"
      )
      return .failure
    }
    if record.supervisor.isAlive { ProcessTable.end([record.supervisor], grace: grace(arguments)) }
    let left = record.processes.filter(\.identity.isAlive)
    if !left.isEmpty {
      Terminal.complain("the supervisor was gone; ending \(left.map(\.role).joined(separator: ", "))")
      ProcessTable.end(left.map(\.identity), grace: 15)
    }
    // What still runs under a recorded pid is another program: a person has to look.
    let impostors = record.impostors
    for line in impostors { Terminal.complain(line) }
    guard impostors.isEmpty else { return .failure }
    try? FileManager.default.removeItem(atPath: directory.recordPath)
    Terminal.print("stopped")
    return .success
  }

  /// Seconds that a supervisor may take to end: its pools drain first, then its services and its broker go.
  private static func grace(_ arguments: ParsedArguments) -> Double {
    var grace = 60.0
    do {
      let deadline = try Configuration.settings(arguments, mustRun: false).graceDeadline
      grace = max(grace, Double(deadline.components.seconds) + 35)
    } catch {
      // What runs must end, whatever is wrong with the settings by now.
      Terminal.complain("its settings are not used (\(error)); the supervisor gets 60 s")
    }
    return grace
  }

  /// Of this process; behind `up --detach` with the secrets that came by standard input, so that they are in no other
  /// process's environment than theirs who need them.
  private static func environment() throws -> [String: String] {
    let environment = ProcessInfo.processInfo.environment
    guard environment[ChildEnvironment.detached] != nil else { return environment }
    // Nothing means that the other end was killed first: without its secrets everything would run, and be refused everywhere.
    guard let data = try FileHandle.standardInput.readToEnd(), !data.isEmpty else {
      throw Unavailable("`up --detach` ended before it handed its settings on; start it again")
    }
    return environment.merging(try JSONDecoder().decode([String: String].self, from: data)) { $1 }
  }

  /// Starts a supervisor in a session of its own and waits until it is ready or has failed.
  private static func detach(_ arguments: ParsedArguments) async throws -> ExitCode {
    let directory = try StateDirectory.find(arguments)
    // Those of the command line, before anything is made: what is wrong with them needs no log.
    let settings = try SupervisorOptions(arguments).settings(environment: ProcessInfo.processInfo.environment)
    let isLocal =
      arguments.value("--kafka") == nil && arguments.value("--kafka-home") == nil
      && ProcessInfo.processInfo.environment["KAFKA_HOME"] == nil
    if isLocal, let warning = LocalBroker.exposure(host: settings.broker.host) {
      Terminal.complain("warning: \(warning)")
    }
    try directory.create()
    // Another one that runs here keeps its log: it is asked for before the file is made anew.
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
      // It has ended already: its log says why, below.
      Terminal.complain("`up` does not read its settings: \(error.localizedDescription)")
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
