import Foundation
import Records
import YAML

/// All settings by key, merged from the compiled-in defaults, a file, the environment and flags, in this
/// order.
package struct SettingsTable: Sendable {
  /// The source of a value, for `millrace settings`. A later case wins.
  package enum Source: String, Sendable, CaseIterable, Comparable {
    case `default`, file, environment, flag

    package static func < (a: Source, b: Source) -> Bool {
      (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
    }
  }

  /// Sections of `values.yaml` that configure the Helm chart and hold no settings: images, replica bounds,
  /// alerts and the like.
  package static let deploymentSections: Set<String> = [
    "nameOverride", "fullnameOverride", "image", "imagePullSecrets", "model", "ports", "secrets", "pools",
    "keda",
    "podMonitors", "alerts", "dashboard", "topicsJob", "networkPolicy", "podDefaults", "global",
    "extraObjects",
  ]

  package private(set) var entries: [(key: String, value: String, source: Source)] = []
  /// Values of the deployment sections, by key.
  package private(set) var deployment: [String: String] = [:]
  private var positions: [String: Int] = [:]

  private static func leaves(_ yaml: String, source: String) throws(SettingsError) -> [(
    key: String, value: String
  )] {
    do throws(YAMLError) { return try YAML.parse(yaml).leaves } catch {
      throw SettingsError(key: source, value: error.line > 0 ? "line \(error.line)" : "", rule: error.rule)
    }
  }

  /// - Parameters:
  ///   - file: path of a YAML file with the same tree as `values.yaml`, or any part of that tree.
  ///   - flags: values by option name, for example `--kafka-topic-prefix`.
  /// - Throws: `SettingsError` when the file can't be read or has an unknown key, when a flag holds a
  ///   secret, and when a secret and its file are set in the same place.
  package init(file: String? = nil, environment: [String: String] = [:], flags: [String: String] = [:])
    throws(SettingsError)
  {
    for leaf in try Self.leaves(DefaultValues.yaml, source: "values.yaml") {
      if Self.isDeployment(leaf.key) {
        deployment[leaf.key] = leaf.value
        continue
      }
      positions[leaf.key] = entries.count
      entries.append((leaf.key, leaf.value, .default))
    }
    if let file {
      let text: String
      do {
        text = try String(contentsOfFile: file, encoding: .utf8)
      } catch {
        throw SettingsError(
          key: "--settings", value: file, rule: "cannot be read: \(error.localizedDescription)")
      }
      for leaf in try Self.leaves(text, source: file) where !Self.isDeployment(leaf.key) {
        guard positions[leaf.key] != nil else {
          // The error does not show the value: the key may be the misspelt name of a secret.
          throw SettingsError(key: leaf.key, value: "", rule: "is no setting (in \(file))")
        }
        set(leaf.key, leaf.value, .file)
      }
    }
    for entry in entries {
      if let value = environment[Self.environmentName(entry.key)] { set(entry.key, value, .environment) }
      guard let value = flags[Self.flagName(entry.key)] else { continue }
      set(entry.key, value, .flag)
      if showsSecret(entry.key) { throw Self.secretOption(entry.key, shown(entry.key)) }
    }
    for key in ["redis.address", "llm.apiKey", "cache.key"] { try keepOne(key, Self.secretFiles[key] ?? "") }
  }

  /// When both a secret and its file are set, the source nearer to the command wins: `--llm-api-key-file`
  /// wins over a key in the environment.
  private mutating func keepOne(_ key: String, _ fileKey: String) throws(SettingsError) {
    let (value, file) = (source(key), source(fileKey))
    if value == file, !text(key).isEmpty, !text(fileKey).isEmpty {
      throw SettingsError(key: fileKey, value: shown(fileKey), rule: "must be empty where \(key) is set")
    }
    if value > file { set(fileKey, "", value) }
    if file > value { set(key, "", file) }
  }

  private func source(_ key: String) -> Source { positions[key].map { entries[$0].source } ?? .default }

  private static func secretOption(_ key: String, _ shown: String) -> SettingsError {
    let file = secretFiles[key].map { ", or name a file with \($0)" } ?? ""
    return SettingsError(
      key: key, value: shown,
      rule: "holds a secret, and every user of this machine can read a command line: set "
        + "\(environmentName(key)) in the environment\(file)")
  }

  /// The values file of a Helm release can serve as a settings file, so its deployment sections are skipped.
  private static func isDeployment(_ key: String) -> Bool {
    deploymentSections.contains(String(key.prefix { $0 != "." }))
  }

  private mutating func set(_ key: String, _ value: String, _ source: Source) {
    if let position = positions[key] { entries[position] = (key, value, source) }
  }

  package func text(_ key: String) -> String { positions[key].map { entries[$0].value } ?? "" }

  package static func environmentName(_ key: String) -> String {
    words(key).joined(separator: "_").uppercased()
  }
  package static func flagName(_ key: String) -> String { "--" + words(key).joined(separator: "-") }

  /// `kafka.topicPrefix` → kafka, topic, prefix; `clientID` → client, id.
  private static func words(_ key: String) -> [String] {
    var words: [String] = []
    for part in key.split(whereSeparator: { $0 == "." || $0 == "-" }) {
      var word = ""
      var wasUpper = false
      for character in part {
        if character.isUppercase, !wasUpper, !word.isEmpty {
          words.append(word)
          word = ""
        }
        wasUpper = character.isUppercase
        word += character.lowercased()
      }
      words.append(word)
    }
    return words
  }

  /// Settings that may hold a secret, each with the setting that names a file for the secret.
  private static let secretFiles = [
    "kafka.properties": "kafka.propertiesFile", "redis.address": "redis.addressFile",
    "llm.apiKey": "llm.apiKeyFile", "cache.key": "cache.keyFile",
  ]

  package static let secretFileKeys = secretFiles.values.sorted()
  package static let secretKeys = secretFiles.keys.sorted()

  /// Whether the value must not be shown, nor passed to a process that doesn't need it.
  package func isSecret(_ key: String) -> Bool { shown(key) != text(key) }

  /// The value for display. Keys, passwords and the user information of a URL are hidden. When the secret
  /// part of a value is not certain, the whole value is hidden.
  package func shown(_ key: String) -> String {
    let value = text(key)
    if value.isEmpty { return value }
    switch key {
    case "llm.apiKey", "cache.key": return Self.hidden
    case "kafka.properties": return KafkaClientProperties.areHarmless(value) ? value : Self.hidden
    case "redis.address": return Self.shownAddress(value)
    case "llm.url": return Self.shownURL(value)
    case _ where Self.secretFileKeys.contains(key): return SecretSetting.shown(file: value)
    default: return value
    }
  }

  private static let hidden = "(hidden)"

  private static func shownAddress(_ value: String) -> String {
    // A path has no password before it, and may itself contain an @.
    if value.hasPrefix("unix:///") { return value }
    // The last @ ends the password, because the password may contain an @. If no host or path follows, the
    // whole value is hidden.
    guard let parts = value.wholeMatch(of: /((?:rediss?|unix):\/\/)(.*@)?([^@:\/?]+:\d+(?:\/\d+)?|\/[^@]*)/)
    else {
      return hidden
    }
    return "\(parts.1)\(parts.2 == nil ? "" : hidden + "@")\(parts.3)"
  }

  /// For example `https://(hidden)@host/v1`. A query is hidden too, because some services take their key
  /// there. The whole value is hidden if it is not a URL, or has an @ after the host: the host may then be
  /// the first half of a password with a slash.
  private static func shownURL(_ value: String) -> String {
    guard let parts = value.wholeMatch(of: /(https?:\/\/)([^\/?#]*)([^?#]*)(.*)/),
      !(parts.3 + parts.4).contains("@")
    else {
      return hidden
    }
    let host = parts.2[(parts.2.lastIndex(of: "@").map { parts.2.index(after: $0) } ?? parts.2.startIndex)...]
    guard host.wholeMatch(of: /(?:[\w.\-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?/) != nil else { return hidden }
    let user = host.count == parts.2.count ? "" : hidden + "@"
    return "\(parts.1)\(user)\(host)\(parts.3)\(parts.4.isEmpty ? "" : "?" + hidden)"
  }

  /// An HTTP URL without its user information. Any other text is returned unchanged.
  package static func withoutUser(url: String) -> String {
    guard let parts = url.wholeMatch(of: /(https?:\/\/)([^\/?#]*@)(.*)/) else { return url }
    return "\(parts.1)\(parts.3)"
  }

  /// Whether the value would show a secret on the command line. A badly formed value does not count:
  /// `Settings` refuses it and names the rule.
  private func showsSecret(_ key: String) -> Bool {
    let value = text(key)
    switch key {
    case "kafka.properties": return KafkaClientProperties.holdSecret(value)
    case "redis.address": return value.contains("://") && !value.hasPrefix("unix:///") && value.contains("@")
    case "llm.url": return value.hasPrefix("http") && value.contains("@")
    default: return isSecret(key)
    }
  }

  // The readers below throw a `SettingsError` with the key, the value for display and the rule.

  func string(_ key: String, _ rule: String, where isFine: (String) -> Bool) throws(SettingsError) -> String {
    let value = text(key)
    guard isFine(value) else { throw SettingsError(key: key, value: shown(key), rule: rule) }
    return value
  }

  func integer(_ key: String, in range: ClosedRange<Int>) throws(SettingsError) -> Int {
    guard let number = Int(text(key)), range.contains(number) else {
      throw SettingsError(
        key: key, value: shown(key),
        rule: "must be an integer from \(range.lowerBound) to \(range.upperBound)"
      )
    }
    return number
  }

  func number(_ key: String, in range: ClosedRange<Double>) throws(SettingsError) -> Double {
    guard let number = Double(text(key)), range.contains(number) else {
      throw SettingsError(
        key: key, value: shown(key), rule: "must be a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func bool(_ key: String) throws(SettingsError) -> Bool {
    guard let flag = Bool(text(key)) else {
      throw SettingsError(key: key, value: shown(key), rule: "must be true or false")
    }
    return flag
  }

  /// Reads `250ms`, `10s`, `5m`, `12h` or `7d`.
  func duration(_ key: String) throws(SettingsError) -> Duration {
    let value = text(key)
    let units: [(String, Int64)] = [
      ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    for (suffix, factor) in units where value.hasSuffix(suffix) {
      if let count = Int64(value.dropLast(suffix.count)), count >= 0, count < 1_000_000_000,
        count * factor <= Self.durationMax
      {
        return .milliseconds(count * factor)
      }
    }
    throw SettingsError(
      key: key, value: value, rule: "must be a whole number with ms, s, m, h or d, at most 36500d")
  }

  /// 36,500 days in milliseconds: sums with a clock's time can't overflow.
  private static let durationMax: Int64 = 36_500 * 86_400_000

  /// Reads `name=value,name=value`.
  func pairs(_ key: String) throws(SettingsError) -> [String: String] {
    var map: [String: String] = [:]
    for part in text(key).split(separator: ",") {
      let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard sides.count == 2, !sides[0].isEmpty else {
        throw SettingsError(key: key, value: shown(key), rule: "must be name=value pairs separated by commas")
      }
      map[String(sides[0])] = String(sides[1])
    }
    return map
  }
}
