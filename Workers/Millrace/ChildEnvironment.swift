import Foundation
import Settings

/// What a child of ours sees of our environment. Secrets reach only those who need them: a process's environment can be read
/// as long as it lives, by itself, by whatever takes it over, and by tools that report crashes.
enum ChildEnvironment {
  /// Set for the children of `up`, which don't take Ctrl-C as theirs.
  static let supervised = "MILLRACE_SUPERVISED"
  /// Set for the `up` behind `up --detach`, which reads its secrets from standard input.
  static let detached = "MILLRACE_DETACHED"

  /// The variables of settings that hold a secret: those that are always secret, and those whose value is.
  private static func secretNames(_ environment: [String: String]) -> Set<String> {
    let names = SettingsTable.secretKeys.map(SettingsTable.environmentName)
    let table = try? SettingsTable(environment: environment)
    let found = (table?.entries ?? []).filter { table?.isSecret($0.key) ?? false }
    return Set(names + found.map { SettingsTable.environmentName($0.key) })
  }

  static func withoutSecrets(_ environment: [String: String]) -> [String: String] {
    let secrets = secretNames(environment)
    return environment.filter { !secrets.contains($0.key) }
  }

  static func secretsAlone(_ environment: [String: String]) -> [String: String] {
    let secrets = secretNames(environment)
    return environment.filter { secrets.contains($0.key) }
  }

  /// For a child of `up`: all settings that are not defaults, and of the secrets, and the files that hold them, those in
  /// `needed`.
  static func make(_ environment: [String: String], _ table: SettingsTable, needed: [String]) -> [String:
    String]
  {
    var result = withoutSecrets(environment)
    for entry in table.entries {
      let name = SettingsTable.environmentName(entry.key)
      let isSecret = table.isSecret(entry.key) || SettingsTable.secretFileKeys.contains(entry.key)
      let isNeeded = needed.contains { entry.key == $0 || entry.key == $0 + "File" }
      guard entry.source != .default, !isSecret || isNeeded else {
        result[name] = nil
        continue
      }
      result[name] = entry.value
    }
    return result
  }
}
