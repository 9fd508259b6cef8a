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
        abstract: "Create missing topics and first offsets. Can be repeated; changes no existing topic."
      ) { arguments in
        let settings = try Configuration.settings(arguments)
        let admin = KafkaAdmin(settings.kafkaConfiguration(clientID: "millrace-topics"))
        let created = try await TopicSetup(settings: settings, admin: admin).create()
        await admin.close()
        if arguments.flag("--json") {
          Terminal.print(JSONValue.object(["created": .array(created.sorted().map(JSONValue.string))]).text)
        } else {
          Terminal.print(
            created.isEmpty ? "all topics exist" : "created \(created.sorted().joined(separator: ", "))")
        }
        return .success
      }
    ])
}
