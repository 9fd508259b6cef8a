import Foundation

/// Test data that is not in this repository. Tests that need it are skipped without it.
package enum SharedData {
  /// The folder named by `MILLRACE_SHARED`, by default `../shared`; nil if it does not contain the data.
  package static let root: String? = {
    let path = ProcessInfo.processInfo.environment["MILLRACE_SHARED"] ?? Checkout.path + "/../shared"
    return FileManager.default.fileExists(atPath: path + "/data") ? path : nil
  }()

  package static var isPresent: Bool { root != nil }
}
