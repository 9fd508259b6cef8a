extension Settings {
  /// The cache server: `redis.*`.
  package struct Redis: Sendable {
    /// Empty = no caches and no streaming.
    package var address: SecretSetting
    package var deadline: Duration

    init(_ table: SettingsTable) throws(SettingsError) {
      _ = try table.string(
        "redis.address",
        "must be redis://[[user]:password@]host:port[/database], unix://[[user]:password@]/path[?db=database], or empty"
      ) { $0.isEmpty || $0.hasPrefix("redis://") || $0.hasPrefix("unix://") }
      address = SecretSetting("redis.address", table)
      deadline = try table.duration("redis.deadline")
    }
  }
}
