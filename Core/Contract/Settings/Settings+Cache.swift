extension Settings {
  /// The key that signs cached entries, and how long entries are used: `cache.*`.
  package struct Cache: Sendable {
    /// The key that signs the entries; empty: nothing is cached.
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
