import CommandLine
import Foundation
import Settings

/// Settings as a command sees them: flags over the running state over the environment over a file.
package enum Configuration {
  /// - Parameters:
  ///   - usingState: whether the settings of a running `up` count.
  ///   - mustRun: whether a folder in which nothing runs any more is refused. Its broker's port may be another one's by
  ///     now, as may the default, and what is meant for one pipeline would be written to, and read from, the other.
  /// - Throws: `SettingsError`; `NothingRuns`; `UntrustedPath` for a folder that somebody else could have made.
  package static func settings(
    _ arguments: ParsedArguments, usingState: Bool = true, mustRun: Bool = true
  ) throws -> Settings {
    let directory = usingState ? try StateDirectory.find(arguments) : nil
    let record = directory?.read()
    var flags = record?.flags ?? [:]
    do throws(SettingsError) {
      _ = try SettingsTable(flags: flags)
    } catch {
      throw SettingsError(
        key: error.key, value: error.value,
        rule:
          "stands in \(directory?.recordPath ?? ""), where an older release left it. "
          + "End it with `millrace down --state \(directory?.path ?? "")`; a secret is given to `millrace up` in the environment, as \(SettingsTable.environmentName(error.key)), or in a file"
      )
    }
    flags.merge(arguments.named) { $1 }
    let table = try SettingsTable(
      file: arguments.value("--settings"), environment: ProcessInfo.processInfo.environment, flags: flags)
    let settings = try Settings(table)
    guard let directory, mustRun, arguments.named["--kafka-bootstrap-servers"] == nil else { return settings }
    let isTold = table.entries.contains { $0.key == "kafka.bootstrapServers" && $0.source != .default }
    if let record, !record.isAlive { throw NothingRuns(directory) }
    if record == nil, arguments.value("--state") != nil, !isTold { throw NothingRuns(directory) }
    return settings
  }
}
