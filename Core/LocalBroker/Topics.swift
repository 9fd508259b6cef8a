/// A topic as it was created.
struct Topic: Sendable {
  var id: Int64
  var name: String
  var partitionCount: Int32
  var settings: [String: String]

  var recordBytesMax: Int { settings["max.message.bytes"].flatMap { Int($0) } ?? 1_048_588 }
  var usesAppendTime: Bool { settings["message.timestamp.type"] == "LogAppendTime" }
  var isCompacted: Bool { settings["cleanup.policy"]?.contains("compact") ?? false }
}

/// The settings that a topic may carry, and what their values must be.
enum TopicSettings {
  /// - Returns: the rule that is broken, nil when the setting is fine.
  static func problem(_ name: String, _ value: String) -> String? {
    switch name {
    case "cleanup.policy":
      let parts = value.split(separator: ",").map { $0.drop(while: { $0 == " " }) }
      return !parts.isEmpty && parts.allSatisfy({ $0 == "delete" || $0 == "compact" })
        ? nil : "must be delete, compact or both"
    case "message.timestamp.type":
      return ["CreateTime", "LogAppendTime"].contains(value) ? nil : "must be CreateTime or LogAppendTime"
    case "compression.type":
      return value == "producer" ? nil : "must be producer: batches are stored as they come"
    case "retention.ms", "retention.bytes", "delete.retention.ms", "min.compaction.lag.ms",
      "max.compaction.lag.ms", "segment.bytes", "segment.ms", "max.message.bytes", "min.insync.replicas",
      "file.delete.delay.ms", "flush.messages", "flush.ms":
      return Int64(value) == nil ? "must be an integer" : nil
    case "min.cleanable.dirty.ratio": return Double(value) == nil ? "must be a number" : nil
    case "unclean.leader.election.enable", "preallocate": return nil
    default: return "is no setting that this broker knows"
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
