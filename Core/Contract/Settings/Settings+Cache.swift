extension Settings {
  /// How long cached entries are used: `cache.*`.
  package struct Cache: Sendable {
    package var answerTTL: Duration
    package var embeddingTTL: Duration

    init(_ table: SettingsTable) throws(SettingsError) {
      answerTTL = try table.duration("cache.answerTTL")
      embeddingTTL = try table.duration("cache.embeddingTTL")
    }
  }
}
