import CommandLine
import Foundation
import KafkaClient
import LocalState
import Records
import Settings

enum SettingsCommand {
  static let command = Command(
    "settings", abstract: "Print every setting with its value and where it came from; secrets are hidden."
  ) { arguments in
    let settings = try Configuration.settings(arguments, mustRun: false)
    if arguments.flag("--json") {
      let members = settings.table.entries.map { entry in
        JSONMember(
          name: entry.key,
          value: .object([
            "value": .string(settings.table.shown(entry.key)), "source": .string(entry.source.rawValue),
            "environment": .string(SettingsTable.environmentName(entry.key)),
            "option": .string(SettingsTable.flagName(entry.key)),
          ]))
      }
      Terminal.print(JSONValue.object(members).text)
      return .success
    }
    for entry in settings.table.entries {
      let value = settings.table.shown(entry.key)
      Terminal.print("\(entry.key) = \(value.isEmpty ? "\"\"" : value)  (\(entry.source.rawValue))")
    }
    return .success
  }
}
