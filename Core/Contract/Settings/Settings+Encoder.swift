extension Settings {
  /// The embedding model: `encoder.*`.
  package struct Encoder: Sendable {
    package var modelPath: String
    package var model: String
    package var choosesKernel: Bool

    init(_ table: SettingsTable) throws(SettingsError) {
      modelPath = table.text("encoder.modelPath")
      model = try table.string("encoder.model", "must not be empty") { !$0.isEmpty }
      choosesKernel = try table.bool("encoder.chooseKernel")
    }
  }
}
