import Records

extension Settings {
  /// The search shards: `search.*`.
  package struct Search: Sendable {
    package var shards: Int
    package var batchRecordsMax: Int
    package var depth: Int
    package var wait: Duration
    package var mode: QueryRecord.SearchMode
    /// `convex` or `reciprocal`.
    package var fusion: String
    package var denseWeight: Double
    package var identifierDenseWeight: Double
    /// Whether a query is searched once more when a shard may have left out one of the best chunks.
    package var isExact: Bool
    package var titleWeight: Double
    package var headingWeight: Double
    package var headerWeight: Double
    package var foldsAccents: Bool
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
      let mode = try table.string("search.mode", "must be hybrid, dense or lexical") {
        QueryRecord.SearchMode(rawValue: $0) != nil
      }
      self.mode = QueryRecord.SearchMode(rawValue: mode) ?? .hybrid
      fusion = try table.string("search.fusion", "must be convex or reciprocal") {
        ["convex", "reciprocal"].contains($0)
      }
      denseWeight = try table.number("search.denseWeight", in: 0...1)
      identifierDenseWeight = try table.number("search.identifierDenseWeight", in: 0...1)
      isExact =
        try table.string("search.recall", "must be exact or fast") { ["exact", "fast"].contains($0) }
        == "exact"
      titleWeight = try table.number("search.titleWeight", in: 0...100)
      headingWeight = try table.number("search.headingWeight", in: 0...100)
      headerWeight = try table.number("search.headerWeight", in: 0...100)
      foldsAccents = try table.bool("search.foldAccents")
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
