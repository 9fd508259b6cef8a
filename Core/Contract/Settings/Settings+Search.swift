extension Settings {
  /// The search shards: `search.*`.
  package struct Search: Sendable {
    package var shards: Int
    package var batchRecordsMax: Int
    package var depth: Int
    package var wait: Duration

    init(_ table: SettingsTable) throws(SettingsError) {
      shards = try table.integer("search.shards", in: 1...1024)
      batchRecordsMax = try table.integer("search.batchRecordsMax", in: 1...10_000)
      depth = try table.integer("search.depth", in: 1...1000)
      wait = try table.duration("search.wait")
    }
  }
}
