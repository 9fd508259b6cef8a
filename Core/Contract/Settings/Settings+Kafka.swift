import Records

extension Settings {
  /// The connection to the brokers: `kafka.*`.
  package struct Kafka: Sendable {
    package var bootstrapServers: String
    package var topicPrefix: String
    /// The prefix of every group's name. Two releases on one cluster must never share a group.
    package var groupPrefix: String
    /// The prefixes of the topics that a query may name in `reply_to`.
    package var replyPrefixes: [String]
    package var clientID: String
    package var sessionTimeout: Duration
    package var pollIntervalMax: Duration
    /// librdkafka's properties, from `kafka.properties` and `kafka.propertiesFile`. They may hold passwords.
    package var properties: [String: String]
    /// The replication factor of new topics. 0 = 3 with at least three brokers, otherwise 1.
    package var replicationFactor: Int

    /// - Throws: `SettingsError` for the first value that breaks its rule.
    init(_ table: SettingsTable) throws(SettingsError) {
      bootstrapServers = try table.string("kafka.bootstrapServers", "must be host:port, separated by commas")
      {
        !$0.isEmpty && $0.split(separator: ",").allSatisfy { $0.contains(":") }
      }
      topicPrefix = try table.string("kafka.topicPrefix", "must be at most 64 of A-Z a-z 0-9 . _ -") { text in
        text.isEmpty || TenantID(text) != nil
      }
      let groups = try table.string("kafka.groupPrefix", "must be at most 64 of A-Z a-z 0-9 . _ -") { text in
        text.isEmpty || TenantID(text) != nil
      }
      groupPrefix = groups.isEmpty ? Self.groupPrefix(ofTopics: topicPrefix) : groups
      replyPrefixes = try table.string(
        "kafka.replyPrefixes", "must be prefixes of topic names (A-Z a-z 0-9 . _ -), separated by commas"
      ) { text in
        text.isEmpty
          || text.split(separator: ",", omittingEmptySubsequences: false).allSatisfy {
            $0.wholeMatch(of: /[A-Za-z0-9._\-]{1,200}/) != nil
          }
      }.split(separator: ",").map(String.init)
      clientID = table.text("kafka.clientID")
      sessionTimeout = try table.duration("kafka.sessionTimeout")
      pollIntervalMax = try table.duration("kafka.pollIntervalMax")
      properties = try Self.properties(table)
      replicationFactor = try table.integer("kafka.replicationFactor", in: 0...10)
    }

    /// The rule that the topic of a `reply_to` breaks; nil when answers may be copied to it.
    ///
    /// An answer would be read as a valid document, and as a valid record of several other topics. So a topic whose
    /// name ends like a topic of a pipeline is refused, whatever its prefix.
    package func brokenReplyRule(_ topic: String) -> String? {
      if let taken = TopicName.allCases.first(where: { topic.hasSuffix($0.rawValue) }) {
        return "must not end with '\(taken.rawValue)', as a topic of a pipeline does"
      }
      // Kafka's rule for names. A NUL would end the name in librdkafka.
      guard topic.wholeMatch(of: /[A-Za-z0-9._\-]{1,249}/) != nil else { return "must be a topic's name" }
      if topic.hasPrefix("__") { return "must not be a topic of Kafka itself" }
      guard replyPrefixes.contains(where: topic.hasPrefix) else {
        return replyPrefixes.isEmpty
          ? "must be absent: kafka.replyPrefixes allows no topic"
          : "must start with one of kafka.replyPrefixes: \(replyPrefixes.joined(separator: ", "))"
      }
      return nil
    }

    /// The default group prefix: `rag-` for the topic prefix `rag.`, otherwise the topic prefix itself. A topic prefix
    /// of `rag-` and any number of further dashes gets one more dash, so that different topic prefixes always give
    /// different group prefixes.
    static func groupPrefix(ofTopics prefix: String) -> String {
      if prefix == "rag." { return "rag-" }
      return prefix.hasPrefix("rag-") && prefix.dropFirst(4).allSatisfy({ $0 == "-" }) ? prefix + "-" : prefix
    }

    /// The `name=value` pairs of the setting, and those of the file, one per line.
    private static func properties(_ table: SettingsTable) throws(SettingsError) -> [String: String] {
      let (key, fileKey) = ("kafka.properties", "kafka.propertiesFile")
      var properties: [String: String] = [:]
      for part in table.text(key).split(separator: ",") {
        guard let (name, value) = KafkaClientProperties.property(part) else {
          throw SettingsError(
            key: key, value: table.shown(key), rule: "must be name=value pairs separated by commas")
        }
        try KafkaClientProperties.add(name, value, to: &properties, key: key, hidden: table.shown(key))
      }
      let file = table.text(fileKey)
      if file.isEmpty { return properties }
      for line in try SecretSetting.text(ofFile: file, fileKey).split(whereSeparator: \.isNewline) {
        if line.allSatisfy(\.isWhitespace) || line.drop(while: \.isWhitespace).hasPrefix("#") { continue }
        guard let (name, value) = KafkaClientProperties.property(line) else {
          throw SettingsError(
            key: fileKey, value: file, rule: "must hold only name=value lines, empty lines and # comments")
        }
        try KafkaClientProperties.add(name, value, to: &properties, key: fileKey, hidden: file)
      }
      return properties
    }
  }
}
