import Foundation
import LocalState

/// What belongs to this very program: the share folder of its prefix, or the checkout that it was built in. Nothing is
/// looked for in the working folder or above it, where a stranger's files may lie.
package enum Installation {
  private static let folder = OwnExecutable.url.deletingLastPathComponent()

  /// `PREFIX/share/millrace`, for the program in `PREFIX/bin`.
  package static let share = folder.deletingLastPathComponent().appendingPathComponent("share/millrace").path

  /// The checkout, for a program in `CHECKOUT/.build/TRIPLE/CONFIGURATION`, where SwiftPM puts it.
  private static let checkout: String? = {
    let build = folder.deletingLastPathComponent().deletingLastPathComponent()
    let root = build.deletingLastPathComponent()
    let isCheckout = FileManager.default.fileExists(atPath: root.appendingPathComponent("Package.swift").path)
    return build.lastPathComponent.hasPrefix(".build") && isCheckout ? root.path : nil
  }()

  /// Where the wheels lie that `make setup` installs into the checkout.
  package static let sitePackages: [String] = {
    guard let library = checkout.map({ $0 + "/.venv/lib" }) else { return [] }
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: library)) ?? []
    return versions.filter { $0.hasPrefix("python") }.sorted().map { "\(library)/\($0)/site-packages" }
  }()

  /// - Throws: `UntrustedPath` when the file, or a folder with all that is in it, is not root's or this user's alone. The
  ///   folders above the checkout or the prefix are not asked: whoever may write those can replace this program.
  package static func check(_ path: String) throws(UntrustedPath) {
    do throws(UntrustedPath) {
      try TrustedPath.checkAll(in: path, below: checkout ?? folder.deletingLastPathComponent().path)
    } catch {
      var error = error
      if error.advice.isEmpty { error.advice = "Install it anew as the user who runs this, or as root" }
      throw error
    }
  }
}
