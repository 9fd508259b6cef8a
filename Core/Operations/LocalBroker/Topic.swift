/// A topic with its own settings.
struct Topic: Sendable {
  var id: Int64
  var name: String
  var partitionCount: Int32
  var settings: [String: String]

  var recordBytesMax: Int { settings["max.message.bytes"].flatMap { Int($0) } ?? 1_048_588 }
  var usesAppendTime: Bool { settings["message.timestamp.type"] == "LogAppendTime" }
  var isCompacted: Bool { settings["cleanup.policy"]?.contains("compact") ?? false }
  var isDeleted: Bool { (settings["cleanup.policy"] ?? "delete").contains("delete") }

  /// A setting in milliseconds or bytes: the topic's own, or Kafka's default.
  func number(_ name: String) -> Int64 {
    (settings[name] ?? TopicSettings.defaults[name]).flatMap { Int64($0) } ?? -1
  }

  var cleanableRatio: Double { settings["min.cleanable.dirty.ratio"].flatMap { Double($0) } ?? 0.5 }
}
