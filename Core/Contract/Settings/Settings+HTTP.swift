extension Settings {
  /// The address of probes and metrics: `http.*`.
  package struct HTTP: Sendable {
    package var host: String
    package var port: Int

    init(_ table: SettingsTable) throws(SettingsError) {
      host = table.text("http.host")
      port = try table.integer("http.port", in: 0...65535)
    }
  }
}
