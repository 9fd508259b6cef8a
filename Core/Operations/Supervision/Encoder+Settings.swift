import Encoder
import Settings

extension Encoder {
  /// The encoder of `encoder.*`.
  ///
  /// - Throws: `SettingsError` when no model is found; what `Encoder.init` throws.
  package init(_ settings: Settings) throws {
    try self.init(
      directory: ModelPath.find(settings), modelID: settings.encoder.model,
      precision: EncoderPrecision(rawValue: settings.encoder.precision) ?? .auto,
      threads: settings.encoder.threads)
  }
}
