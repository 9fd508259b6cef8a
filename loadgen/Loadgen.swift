import CommandLine
import Foundation
import KafkaClient
import LocalState
import Settings

/// The load generator: replays recorded traffic against a running pipeline, in an open loop.
@main
enum Loadgen {
  static func main() async {
    let code: ExitCode
    do {
      switch try root.parse(Array(Swift.CommandLine.arguments.dropFirst())) {
      case .help(let text):
        Terminal.print(text)
        code = .success
      case .run(let action, let arguments): code = try await action(arguments)
      }
    } catch {
      Terminal.complain("loadgen: \(error)")
      code = exitCode(for: error)
    }
    exit(code.rawValue)
  }

  private static func exitCode(for error: any Error) -> ExitCode {
    switch error {
    case is UsageError, is SettingsError, is UntrustedPath: .usage
    case is NothingRuns: .unavailable
    case let failure as KafkaFailure where failure.kind == .retriable: .unavailable
    default: .failure
    }
  }

  static let root = Command(
    "loadgen", abstract: "Replay recorded traffic against a pipeline.",
    discussion: """
      Finds the pipeline as `millrace` does: by the state folder of `up`, or by --kafka-bootstrap-servers and the other
      settings.

      Exit codes: 0 done; 1 a query was lost or has two different terminal states, the run is invalid, or another
      error; 2 wrong usage or a wrong setting; 6 no pipeline runs or no broker answers.
      """,
    options: [
      .option(
        "--settings", "FILE",
        "a YAML file with the structure of charts/millrace/values.yaml, whole or in part"),
      .option(
        "--state", "DIR",
        "the state folder of `up` (default: the nearest .millrace, here or in a folder above)"),
      .flag("--json", "print JSON"),
    ] + settingOptions, subcommands: [ReplayCommand.command])

  private static var settingOptions: [Command.Option] {
    guard let table = try? SettingsTable() else { return [] }
    return table.entries.map { .option(SettingsTable.flagName($0.key), "VALUE", $0.key, hidden: true) }
  }
}
