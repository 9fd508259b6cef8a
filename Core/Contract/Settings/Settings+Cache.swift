extension Settings {
  /// How long cached entries are used: `cache.*`.
  package struct Cache: Sendable {
    /// Signs the entries; empty: nothing is cached.
    package var key: SecretSetting
    package var answerTTL: Duration
    package var embeddingTTL: Duration

    init(_ table: SettingsTable) throws(SettingsError) {
      key = SecretSetting("cache.key", table)
      answerTTL = try table.duration("cache.answerTTL")
      embeddingTTL = try table.duration("cache.embeddingTTL")
    }
  }
}
