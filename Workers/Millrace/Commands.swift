import CommandLine
import Foundation
import KafkaClient
import Settings
import Stage

enum Commands {
  static let root = Command(
    "millrace", abstract: "Retrieval-augmented generation as an event-driven pipeline over Kafka.",
    discussion: """
      Start everything on this machine with `millrace up`, put documents with `millrace documents put DIR`, and ask
      with `millrace ask "…"`. Every setting that `millrace settings` lists is also an option of every command
      (kafka.topicPrefix is --kafka-topic-prefix) and an environment variable (KAFKA_TOPIC_PREFIX).

      `millrace --version` prints the version, which is the chart's appVersion.

      Exit codes: 0 done, 1 failed, 2 wrong usage or setting, 3 refused (nothing answers the question), 4 rejected
      (a query or document ended `failed` or `expired`), 5 timed out, 6 a service can't be reached, or nothing runs in
      the state folder.
      """,
    options: [
      .option(
        "--settings", "FILE",
        "a YAML file with the structure of charts/millrace/values.yaml, whole or in part"),
      .option(
        "--state", "DIR",
        "the state folder of `up` (default: the nearest .millrace, here or in a folder above)"),
      .flag("--json", "print JSON"),
    ] + settingOptions,
    subcommands: group("Run", UpCommand.command, UpCommand.down, StatusCommand.command, DoctorCommand.command)
      + group("Ask", AskCommand.ask, AskCommand.search, ExplainCommand.command)
      + group("Documents", DocumentsCommand.command)
      + group("Judge", LedgerCommand.command, EvalCommand.command, DemoCommand.command)
      + group(
        "For operators", IndexCommand.command, TopicsCommand.command, SettingsCommand.command,
        ContractCommand.command,
        WorkerCommand.command, BrokerCommand.command))

  private static func group(_ title: String, _ commands: Command...) -> [Command] {
    commands.map { $0.listed(under: title) }
  }

  private static var settingOptions: [Command.Option] {
    guard let table = try? SettingsTable() else { return [] }
    return table.entries.map { entry in
      .option(SettingsTable.flagName(entry.key), "VALUE", entry.key, hidden: true)
    }
  }
}
