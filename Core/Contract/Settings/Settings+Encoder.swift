extension Settings {
  /// The embedding model: `encoder.*`.
  package struct Encoder: Sendable {
    package var modelPath: String
    package var model: String
    /// auto, fp32, bf16 or int8.
    package var precision: String
    package var threads: Int

    init(_ table: SettingsTable) throws(SettingsError) {
      modelPath = table.text("encoder.modelPath")
      model = try table.string("encoder.model", "must not be empty") { !$0.isEmpty }
      precision = try table.string("encoder.precision", "must be auto, fp32, bf16 or int8") {
        ["auto", "fp32", "bf16", "int8"].contains($0)
      }
      threads = try table.integer("encoder.threads", in: 1...64)
    }
  }
}
