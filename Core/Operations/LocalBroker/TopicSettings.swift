/// The settings that a topic can have, and the rules for their values.
enum TopicSettings {
  /// Kafka's defaults.
  static let defaults: [String: String] = [
    "cleanup.policy": "delete", "compression.type": "producer", "delete.retention.ms": "86400000",
    "file.delete.delay.ms": "60000", "flush.messages": "9223372036854775807",
    "flush.ms": "9223372036854775807",
    "max.compaction.lag.ms": "9223372036854775807", "max.message.bytes": "1048588",
    "message.timestamp.type": "CreateTime", "min.cleanable.dirty.ratio": "0.5", "min.compaction.lag.ms": "0",
    "min.insync.replicas": "1", "preallocate": "false", "retention.bytes": "-1", "retention.ms": "604800000",
    "segment.bytes": "1073741824", "segment.ms": "604800000", "unclean.leader.election.enable": "false",
  ]

  /// The broker-wide names of the settings that have another name there. Kafka's tools show them for
  /// defaults.
  static let brokerNames: [String: String] = [
    "cleanup.policy": "log.cleanup.policy", "delete.retention.ms": "log.cleaner.delete.retention.ms",
    "file.delete.delay.ms": "log.segment.delete.delay.ms",
    "flush.messages": "log.flush.interval.messages", "flush.ms": "log.flush.interval.ms",
    "max.compaction.lag.ms": "log.cleaner.max.compaction.lag.ms", "max.message.bytes": "message.max.bytes",
    "message.timestamp.type": "log.message.timestamp.type",
    "min.cleanable.dirty.ratio": "log.cleaner.min.cleanable.ratio",
    "min.compaction.lag.ms": "log.cleaner.min.compaction.lag.ms", "preallocate": "log.preallocate",
    "retention.bytes": "log.retention.bytes", "retention.ms": "log.retention.ms",
    "segment.bytes": "log.segment.bytes", "segment.ms": "log.roll.ms",
  ]

  /// - Returns: the broken rule; nil when the setting is valid.
  static func problem(_ name: String, _ value: String) -> String? {
    switch name {
    case "cleanup.policy":
      let parts = value.split(separator: ",").map { $0.drop(while: { $0 == " " }) }
      return !parts.isEmpty && parts.allSatisfy({ $0 == "delete" || $0 == "compact" })
        ? nil : "must be delete, compact or both"
    case "message.timestamp.type":
      return ["CreateTime", "LogAppendTime"].contains(value) ? nil : "must be CreateTime or LogAppendTime"
    case "compression.type":
      return value == "producer" ? nil : "must be producer: batches are stored as they were sent"
    case "retention.ms", "retention.bytes", "delete.retention.ms", "min.compaction.lag.ms",
      "max.compaction.lag.ms", "segment.bytes", "segment.ms", "max.message.bytes", "min.insync.replicas",
      "file.delete.delay.ms", "flush.messages", "flush.ms":
      guard let number = Int64(value) else { return "must be an integer" }
      let isUnlimited = name.hasPrefix("retention.") && number == -1
      return number >= 0 || isUnlimited ? nil : "must not be negative"
    case "min.cleanable.dirty.ratio": return Double(value) == nil ? "must be a number" : nil
    case "unclean.leader.election.enable", "preallocate":
      return ["true", "false"].contains(value) ? nil : "must be true or false"
    default: return "is not a setting that this broker knows"
    }
  }

  static func problem(inName name: String) -> String? {
    let isAllowed = name.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || byte == 0x2E || byte == 0x5F || byte == 0x2D
    }
    return isAllowed && (1...249).contains(name.utf8.count) && name != "." && name != ".."
      ? nil : "a topic's name must be 1 to 249 characters of A-Z a-z 0-9 . _ -"
  }
}
