import CommandLine
import Foundation
import Settings

/// The settings of a command. Options come before the settings of a running `up`, then the environment, then
/// the file.
package enum Configuration {
  /// - Parameters:
  ///   - usingState: whether to use the settings of a running `up`.
  ///   - mustRun: whether to refuse a state folder whose pipeline has ended. Another pipeline may use its
  ///     broker's port, or the default port, by now: records would be written to that pipeline and read from
  ///     it.
  /// - Throws: `SettingsError` for a setting that breaks its rule; `NothingRuns` for a state folder whose
  ///   pipeline has ended; `UntrustedPath` for a state folder that another user could have made.
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
          "was stored in \(directory?.recordPath ?? "") by an older release. "
          + "Stop the pipeline with `millrace down --state \(directory?.path ?? "")`. "
          + "Give secrets to `millrace up` in the environment (\(SettingsTable.environmentName(error.key))) "
          + "or in a file"
      )
    }
    flags.merge(arguments.named) { $1 }
    let table = try SettingsTable(
      file: arguments.value("--settings"), environment: ProcessInfo.processInfo.environment, flags: flags)
    let settings = try Settings(table)
    guard let directory, mustRun, arguments.named["--kafka-bootstrap-servers"] == nil else { return settings }
    let isTold = table.entries.contains { $0.key == "kafka.bootstrapServers" && $0.source != .default }
    if let record, !record.isAlive { throw NothingRuns(directory, advises: true) }
    if record == nil, !isTold, try isOfUp(directory, arguments) {
      throw NothingRuns(directory, advises: true)
    }
    return settings
  }

  /// Whether a state folder without a record is one of `up`: named, or found with the file that `up` locks.
  private static func isOfUp(_ directory: StateDirectory, _ arguments: ParsedArguments) throws -> Bool {
    try arguments.value("--state") != nil || FileStatus(of: directory.lockPath) != nil
  }

  /// Refuses a worker that names no broker in or below the state folder of an `up`: it would work for whatever pipeline
  /// has the default port.
  ///
  /// - Throws: `UsageError` while the pipeline runs, `NothingRuns` when it has ended; `UntrustedPath` for a folder
  ///   that another user could have made.
  package static func checkBroker(_ arguments: ParsedArguments, _ settings: Settings) throws {
    let table = try SettingsTable(
      file: arguments.value("--settings"), environment: ProcessInfo.processInfo.environment,
      flags: arguments.named)
    let isTold = table.entries.contains { $0.key == "kafka.bootstrapServers" && $0.source != .default }
    if isTold { return }
    let directory = try StateDirectory.find(arguments)
    guard let record = directory.read(), record.isAlive else {
      if try isOfUp(directory, arguments) { throw NothingRuns(directory, advises: true) }
      return
    }
    // The hosts may be written differently.
    func port(_ address: String) -> Substring? { address.split(separator: ":").last }
    guard let address = record.endpoints["kafka"], port(address) != port(settings.kafka.bootstrapServers)
    else {
      return
    }
    throw UsageError(
      "kafka.bootstrapServers is not set, and a worker does not use the settings of the running `up`, whose broker "
        + "is \(address): give --kafka-bootstrap-servers")
  }
}
