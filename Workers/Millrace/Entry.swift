import CommandLine
import Foundation
import KafkaClient
import LocalState
import Settings
import Stage
import Telemetry

/// The one binary: every pool, the broker, the supervisor and the command line.
@main
enum Entry {
  /// The chart's `appVersion`: a test holds the two equal.
  private static let version = "0.1.0"

  static func main() async {
    Crashes.endAtOnce()
    // What this process and its children write is this user's alone, whatever the shell's umask says.
    umask(0o077)
    let code: ExitCode
    let arguments = Array(Swift.CommandLine.arguments.dropFirst())
    do {
      switch try arguments == ["--version"] ? .help("millrace \(version)") : Commands.root.parse(arguments)
      {
      case .help(let text):
        Terminal.print(text)
        code = .success
      case .run(let action, let arguments): code = try await action(arguments)
      }
    } catch {
      Terminal.complain("millrace: \(error)")
      code = exitCode(for: error)
    }
    // Not exit(): a handle that could not leave its group in time still has threads, and OpenSSL's exit handler would
    // take their ground away.
    fflush(nil)
    _exit(code.rawValue)
  }

  private static func exitCode(for error: any Error) -> ExitCode {
    switch error {
    case is UsageError, is SettingsError, is UntrustedPath: .usage
    case let failure as KafkaFailure where failure.kind == .retriable: .unavailable
    case is Unavailable, is NothingRuns: .unavailable
    default: .failure
    }
  }
}

/// Swift's runtime writes a backtrace before a crashed process ends, and takes half a minute for it (6.3.1, no terminal):
/// meanwhile nobody starts the worker again, and its partitions stand still.
enum Crashes {
  /// Whoever sets SWIFT_BACKTRACE wants to see where.
  static func endAtOnce() {
    guard ProcessInfo.processInfo.environment["SWIFT_BACKTRACE"] == nil else { return }
    for number in [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGTRAP] { signal(number, SIG_DFL) }
  }
}

/// The file that this process runs from: children are started from it, whatever the working directory and PATH are.
enum OwnExecutable {
  static let url = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
  /// The same program for as long as this process runs, also when its file is replaced meanwhile.
  static let running = "/proc/\(getpid())/exe"
}

/// Something that must run does not.
struct Unavailable: Error, CustomStringConvertible { let description: String }

/// A peer that closed its end costs a write, not the process: hiredis and OpenSSL write without MSG_NOSIGNAL.
enum BrokenPipes {
  static func ignore() { signal(SIGPIPE, SIG_IGN) }
}

enum Commands {
  static let root = Command(
    "millrace", abstract: "Retrieval-augmented generation as an event-driven pipeline over Kafka.",
    discussion: """
      Start everything on this machine with `millrace up`, put documents with `millrace documents put DIR`, and ask
      with `millrace ask "…"`. Every setting that `millrace settings` lists is also an option of every command
      (kafka.topicPrefix is --kafka-topic-prefix) and an environment variable (KAFKA_TOPIC_PREFIX).

      `millrace --version` prints the version, which is the chart's appVersion.

      Exit codes: 0 done, 1 failed, 2 wrong usage or setting, 3 refused (nothing answers the question), 4 rejected
      (a query or document ended failed, expired or cancelled), 5 timed out, 6 a service can't be reached.
      """,
    options: [
      .option(
        "--settings", "FILE", "a YAML file with the tree of charts/millrace/values.yaml, or a part of it"),
      .option(
        "--state", "DIR", "data, logs and ports of `up` (default: the nearest .millrace upward from here)"),
      .flag("--json", "print JSON"),
    ] + settingOptions,
    subcommands: [
      UpCommand.command, UpCommand.down, StatusCommand.command, AskCommand.ask, AskCommand.search,
      DocumentsCommand.command, ExplainCommand.command, DoctorCommand.command, TopicsCommand.command,
      SettingsCommand.command, ContractCommand.command, LedgerCommand.command, EvalCommand.command,
      WorkerCommand.command, BrokerCommand.command, DemoCommand.command, KernelChoice.command,
      MarkupCommand.command,
    ])

  private static var settingOptions: [Command.Option] {
    guard let table = try? SettingsTable() else { return [] }
    return table.entries.map { entry in
      .option(SettingsTable.flagName(entry.key), "VALUE", entry.key, hidden: true)
    }
  }
}
