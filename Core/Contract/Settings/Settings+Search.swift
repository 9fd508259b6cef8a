extension Settings {
  /// The search shards: `search.*`.
  package struct Search: Sendable {
    package var shards: Int
    package var batchRecordsMax: Int
    package var depth: Int
    package var wait: Duration
    /// The folder of the index's files; nil for an index in memory.
    package var path: String?
    package var threads: Int
    /// `bf16` or `fp32`.
    package var panels: String
    package var headRowsMax: Int
    package var headBytesMax: Int
    package var checkpointInterval: Duration

    init(_ table: SettingsTable) throws(SettingsError) {
      shards = try table.integer("search.shards", in: 1...1024)
      batchRecordsMax = try table.integer("search.batchRecordsMax", in: 1...10_000)
      depth = try table.integer("search.depth", in: 1...1000)
      wait = try table.duration("search.wait")
      let path = table.text("search.path")
      self.path = path.isEmpty ? nil : path
      threads = try table.integer("search.threads", in: 1...256)
      panels = try table.string("search.panels", "must be bf16 or fp32") { ["bf16", "fp32"].contains($0) }
      headRowsMax = try table.integer("search.headRowsMax", in: 64...1_000_000)
      headBytesMax = try table.integer("search.headBytesMax", in: 1 << 20...1 << 34)
      checkpointInterval = try table.duration("search.checkpointInterval")
    }
  }
}
