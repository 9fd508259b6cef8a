import Caching
import CommandLine
import Foundation
import RedisClient
import Settings

/// The command line of `up`.
package struct SupervisorOptions: Sendable {
  /// The address of a Kafka that is already running.
  package var kafka: String?
  /// The folder of an Apache Kafka to start.
  package var kafkaHome: String?
  package var brokerPort: UInt16?
  /// True when `--redis` was given, also as `none`.
  package var namesRedis: Bool
  /// True when `--llm` was given, also as `extractive`.
  package var namesLLM: Bool
  private let settingsFile: String?
  /// The options that reproduce the settings of this command line. They are stored in the state folder.
  let flags: [String: String]

  /// - Throws: `UsageError` when `--shards` is not a number from 1 to 64.
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
  /// - Throws: `SettingsError` for a setting that breaks its rule or a file with a secret that can't be read.
  ///   The files are read here so that the error appears now and not when a worker starts.
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
    // Store absolute paths, because later commands run in other folders.
    for flag in SettingsTable.secretFileKeys.map(SettingsTable.flagName) {
      if let path = flags[flag], FileManager.default.fileExists(atPath: path) {
        flags[flag] = URL(fileURLWithPath: path).path
      }
    }
    return flags
  }
}
