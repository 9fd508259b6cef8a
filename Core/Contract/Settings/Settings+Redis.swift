extension Settings {
  /// The cache server: `redis.*`.
  package struct Redis: Sendable {
    /// Empty = no caches and no streaming.
    package var address: SecretSetting
    /// The file with the certificates that are trusted for `rediss://`; empty = the system's.
    package var caFile: String
    package var deadline: Duration

    init(_ table: SettingsTable) throws(SettingsError) {
      _ = try table.string(
        "redis.address",
        "must be redis:// or rediss://[[user]:password@]host:port[/database], "
          + "unix://[[user]:password@]/path[?db=database], or empty"
      ) { text in text.isEmpty || ["redis://", "rediss://", "unix://"].contains(where: text.hasPrefix) }
      address = SecretSetting("redis.address", table)
      caFile = try table.string("redis.caFile", "must be a path") { _ in true }
      deadline = try table.duration("redis.deadline")
    }
  }
}
