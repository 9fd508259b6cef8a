import Foundation
import Settings

/// What a child of ours sees of our environment. Secrets reach only those who need them: a process's environment can be read
/// as long as it lives, by itself, by whatever takes it over, and by tools that report crashes.
package enum ChildEnvironment {
  /// Set for the children of `up`, which don't take Ctrl-C as theirs.
  package static let supervised = "MILLRACE_SUPERVISED"
  /// Set for the `up` behind `up --detach`, which reads its secrets from standard input.
  package static let detached = "MILLRACE_DETACHED"

  /// The variables of settings that can hold a secret.
  private static let secretNames = Set(
    (SettingsTable.secretKeys + ["llm.url"]).map(SettingsTable.environmentName))

  package static func withoutSecrets(_ environment: [String: String]) -> [String: String] {
    environment.filter { !secretNames.contains($0.key) }
  }

  package static func secretsAlone(_ environment: [String: String]) -> [String: String] {
    environment.filter { secretNames.contains($0.key) }
  }

  /// For a child of `up`: all settings that are not defaults, and of the secrets, and the files that hold them, those in
  /// `needed`.
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
        // Which LLM it is counts for the key of a cached answer; how to log in there does not.
        let url = SettingsTable.withoutUser(url: entry.value)
        result[name] = entry.key == "llm.url" && !url.contains("@") ? url : nil
      }
    }
    return result
  }
}
