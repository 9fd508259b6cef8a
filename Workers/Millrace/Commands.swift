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
      WorkerCommand.command, BrokerCommand.command, DemoCommand.command, CheckKernelCommand.command,
      MarkupCommand.command,
    ])

  private static var settingOptions: [Command.Option] {
    guard let table = try? SettingsTable() else { return [] }
    return table.entries.map { entry in
      .option(SettingsTable.flagName(entry.key), "VALUE", entry.key, hidden: true)
    }
  }
}
