extension Settings {
  /// The check against stale answers: `freshness.*`.
  package struct Freshness: Sendable {
    package var staleAfter: Duration
    package var indexLagMax: Duration

    init(_ table: SettingsTable) throws(SettingsError) {
      staleAfter = try table.duration("freshness.staleAfter")
      indexLagMax = try table.duration("freshness.indexLagMax")
    }
  }
}
