extension Settings {
  /// Answering and refusing: `generate.*`.
  package struct Generate: Sendable {
    package var windowRecords: Int
    package var refusalScore: Double
    package var sentencesMax: Int

    init(_ table: SettingsTable) throws(SettingsError) {
      windowRecords = try table.integer("generate.windowRecords", in: 1...10_000)
      refusalScore = try table.number("generate.refusalScore", in: 0...1)
      sentencesMax = try table.integer("generate.sentencesMax", in: 1...20)
    }
  }
}
