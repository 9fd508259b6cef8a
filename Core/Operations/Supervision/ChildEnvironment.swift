import Foundation
import Settings

/// The environments of child processes. Secrets reach only the processes that need them, because an
/// environment stays readable as long as its process lives: by the process itself, by an attacker who takes
/// it over, and by crash reporters.
package enum ChildEnvironment {
  /// Set for the children of `up`, so that Ctrl-C stops only the supervisor, which then stops its children in
  /// order.
  package static let supervised = "MILLRACE_SUPERVISED"
  /// Set for the background process of `up --detach`, which reads its secrets from standard input.
  package static let detached = "MILLRACE_DETACHED"

  /// The environment variables of the settings that can hold a secret.
  private static let secretNames = Set(
    (SettingsTable.secretKeys + ["llm.url"]).map(SettingsTable.environmentName))

  package static func withoutSecrets(_ environment: [String: String]) -> [String: String] {
    environment.filter { !secretNames.contains($0.key) }
  }

  package static func secretsAlone(_ environment: [String: String]) -> [String: String] {
    environment.filter { secretNames.contains($0.key) }
  }

  /// The environment of a child of `up`. It has all settings that are not defaults, but only the secrets, and
  /// the files with secrets, that are listed in `needed`.
  package static func make(
    _ environment: [String: String], _ table: SettingsTable, needed: [String]
  ) -> [String: String] {
    var result = withoutSecrets(environment)
    for entry in table.entries {
      let name = SettingsTable.environmentName(entry.key)
      let isSecret = table.isSecret(entry.key) || SettingsTable.secretFileKeys.contains(entry.key)
      let isNeeded = needed.contains { entry.key == $0 || entry.key == $0 + "File" }
      guard entry.source != .default else {
        result[name] = nil
        continue
      }
      if !isSecret || isNeeded {
        result[name] = entry.value
      } else {
        // Pass on the LLM's address without user and password: the address is part of the key of a cached answer.
        let url = SettingsTable.withoutUser(url: entry.value)
        result[name] = entry.key == "llm.url" && !url.contains("@") ? url : nil
      }
    }
    return result
  }
}
