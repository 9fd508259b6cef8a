extension Settings {
  /// The local broker: `broker.*`.
  package struct Broker: Sendable {
    package var host: String
    package var port: Int
    package var synchronous: String
    package var cleanInterval: Duration

    init(_ table: SettingsTable) throws(SettingsError) {
      host = table.text("broker.host")
      port = try table.integer("broker.port", in: 0...65535)
      synchronous = try table.string("broker.synchronous", "must be NORMAL or FULL") {
        ["NORMAL", "FULL"].contains($0)
      }
      cleanInterval = try table.duration("broker.cleanInterval")
    }
  }
}
