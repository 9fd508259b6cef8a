import Foundation

/// The developers' data beside the checkout. Tests that need it are skipped, and say so, where it is absent.
package enum SharedData {
  /// `MILLRACE_SHARED`, else `../shared`; nil where there is none.
  package static let root: String? = {
    let path = ProcessInfo.processInfo.environment["MILLRACE_SHARED"] ?? Checkout.path + "/../shared"
    return FileManager.default.fileExists(atPath: path + "/data") ? path : nil
  }()

  package static var isPresent: Bool { root != nil }
}
