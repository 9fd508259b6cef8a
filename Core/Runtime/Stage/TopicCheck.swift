import KafkaClient
import Records
import Settings

/// Compares the settings of an existing topic with those that the pipeline's promises need. A value without I/O.
package struct TopicCheck: Sendable {
  /// A setting that breaks a promise.
  package struct Problem: Sendable, Equatable, CustomStringConvertible {
    package var topic: String
    package var setting: String
    package var value: String
    /// What the setting must be, and why.
    package var rule: String
    /// A value that keeps the promise.
    package var needed: String

    package var description: String { "topic \(topic): \(setting) is \(value), and must be \(rule)" }
  }

  /// - Parameters:
  ///   - wanted: the topic and the settings that `topics create` gives it.
  ///   - existing: the topic's settings as the broker has them, by name; absent ones are not checked.
  package static func problems(_ name: String, _ wanted: Settings.Topic, existing: [String: TopicSetting])
    -> [Problem]
  {
    wanted.settings.sorted { $0.key < $1.key }.compactMap { setting, needed in
      guard let value = existing[setting]?.value, let rule = rule(setting, value, needed) else { return nil }
      return Problem(topic: name, setting: setting, value: value, rule: rule, needed: needed)
    }
  }

  /// - Returns: nil when the value keeps the promise.
  private static func rule(_ setting: String, _ value: String, _ needed: String) -> String? {
    switch setting {
    case "cleanup.policy":
      let policies = { (text: String) in Set(text.split(separator: ",").map { $0.filter { $0 != " " } }) }
      guard policies(value) != policies(needed) else { return nil }
      return needed == "compact"
        ? "compact: its records must be kept for ever, because the index is rebuilt from them"
        : "\(needed): compaction would remove records that are still needed"
    case "message.timestamp.type":
      return value == needed ? nil : "\(needed): deadlines are measured by the broker's clock"
    case "retention.ms":
      guard let has = Int64(value), let must = Int64(needed), has >= 0, has < must else { return nil }
      return "at least \(needed): otherwise unread records are deleted while a stage is down"
    case "min.compaction.lag.ms", "delete.retention.ms":
      guard let has = Int64(value), let must = Int64(needed), has < must else { return nil }
      return "at least \(needed): otherwise readers that are behind miss deletions"
    case "max.message.bytes":
      guard let has = Int64(value), let must = Int64(needed), has < must else { return nil }
      return "at least \(needed): otherwise the broker refuses larger records"
    default: return nil
    }
  }
}
