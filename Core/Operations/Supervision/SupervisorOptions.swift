import Caching
import CommandLine
import Foundation
import RedisClient
import Settings

/// What the command line of `up` says.
package struct SupervisorOptions: Sendable {
  /// Address of a Kafka that runs already.
  package var kafka: String?
  /// Folder of an Apache Kafka to start.
  package var kafkaHome: String?
  package var brokerPort: UInt16?
  /// Whether `--redis` was given, be it `none`.
  package var namesRedis: Bool
  /// Whether `--llm` was given, be it `extractive`.
  package var namesLLM: Bool
  private let settingsFile: String?
  /// The options that reproduce the settings of this command line, for the record of the state folder.
  let flags: [String: String]

  /// - Throws: `UsageError`.
  package init(_ arguments: ParsedArguments) throws {
    kafka = arguments.value("--kafka")
    kafkaHome = arguments.value("--kafka-home")
    brokerPort = arguments.value("--broker-port").flatMap { UInt16($0) }
    namesRedis = arguments.value("--redis") != nil
    namesLLM = arguments.value("--llm") != nil
    settingsFile = arguments.value("--settings")
    flags = try Self.flags(arguments)
  }

  /// The settings under which `up` starts.
  ///
  /// - Throws: `SettingsError`, also for a file with a secret that can't be read: now, not when the first worker fails.
  package func settings(environment: [String: String]) throws -> Settings {
    let settings = try settings(environment: environment, flags: flags)
    _ = try settings.llm.apiKey.read()
    _ = try RedisAddress.named(in: settings)
    return settings
  }

  func settings(environment: [String: String], flags: [String: String]) throws -> Settings {
    try Settings(SettingsTable(file: settingsFile, environment: environment, flags: flags))
  }

  private static func flags(_ arguments: ParsedArguments) throws -> [String: String] {
    var flags = arguments.named.filter { $0.key.hasPrefix("--") }
    for own in ["--kafka", "--kafka-home", "--redis", "--llm", "--shards", "--state", "--settings"] {
      flags[own] = nil
    }
    if let redis = arguments.value("--redis") { flags["--redis-address"] = redis == "none" ? "" : redis }
    if let llm = arguments.value("--llm") { flags["--llm-url"] = llm == "extractive" ? "" : llm }
    if let shards = try arguments.integer("--shards", in: 1...64) { flags["--search-shards"] = "\(shards)" }
    if flags["--kafka-session-timeout"] == nil { flags["--kafka-session-timeout"] = "6s" }
    // Later commands run in other folders.
    for flag in SettingsTable.secretFileKeys.map(SettingsTable.flagName) {
      if let path = flags[flag], FileManager.default.fileExists(atPath: path) {
        flags[flag] = URL(fileURLWithPath: path).path
      }
    }
    return flags
  }
}
