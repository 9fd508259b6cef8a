import Records
import Time

extension Settings {
  /// One topic: `topics.<name>.*`.
  package struct Topic: Sendable {
    package var topic: TopicName
    package var partitionCount: Int
    /// Values by Kafka's names for topic settings.
    package var settings: [String: String]

    /// - Throws: `SettingsError` for the first value that breaks its rule.
    init(_ topic: TopicName, _ table: SettingsTable) throws(SettingsError) {
      let prefix = "topics.\(topic.rawValue)."
      var settings = [
        "message.timestamp.type": "LogAppendTime",
        "cleanup.policy": try table.string(prefix + "cleanup", "must be delete, compact or compact,delete") {
          ["delete", "compact", "compact,delete"].contains($0)
        },
      ]
      for (name, key) in [
        ("retention", "retention.ms"), ("minCompactionLag", "min.compaction.lag.ms"),
        ("deleteRetention", "delete.retention.ms"),
      ] where !table.text(prefix + name).isEmpty {
        settings[key] = "\(try table.duration(prefix + name).milliseconds)"
      }
      if !table.text(prefix + "recordBytesMax").isEmpty {
        settings["max.message.bytes"] =
          "\(try table.integer(prefix + "recordBytesMax", in: 1024...1_000_000_000))"
      }
      self.topic = topic
      partitionCount = try table.integer(prefix + "partitions", in: 1...10_000)
      self.settings = settings
    }
  }
}
