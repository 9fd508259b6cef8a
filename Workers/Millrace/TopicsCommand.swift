import CommandLine
import Foundation
import KafkaClient
import LocalState
import Records
import Stage

enum TopicsCommand {
  static let command = Command(
    "topics", abstract: "Create the topics.",
    subcommands: [
      Command(
        "create",
        abstract:
          "Create missing topics and initial offsets, and correct settings of existing ones. Can be repeated."
      ) { arguments in
        let settings = try Configuration.settings(arguments)
        let admin = KafkaAdmin(settings.kafkaConfiguration(clientID: "millrace-topics"))
        let outcome = try await TopicSetup(settings: settings, admin: admin).create()
        await admin.close()
        if arguments.flag("--json") {
          Terminal.print(
            JSONValue.object([
              "created": .array(outcome.created.sorted().map(JSONValue.string)),
              "altered": .array(outcome.altered.map(JSONValue.string)),
            ]).text)
        } else {
          let created = outcome.created.sorted().joined(separator: ", ")
          Terminal.print(created.isEmpty ? "all topics exist" : "created \(created)")
          for change in outcome.altered { Terminal.print("changed \(change)") }
        }
        return .success
      }
    ])
}
