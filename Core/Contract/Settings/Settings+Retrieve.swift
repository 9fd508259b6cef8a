extension Settings {
  /// The choice of the context: `retrieve.*`.
  package struct Retrieve: Sendable {
    package var topK: Int
    package var wait: Duration
    package var contextTokens: Int
    package var windowRecords: Int

    init(_ table: SettingsTable) throws(SettingsError) {
      topK = try table.integer("retrieve.topK", in: 1...100)
      wait = try table.duration("retrieve.wait")
      contextTokens = try table.integer("retrieve.contextTokens", in: 64...100_000)
      windowRecords = try table.integer("retrieve.windowRecords", in: 1...10_000)
    }
  }
}
