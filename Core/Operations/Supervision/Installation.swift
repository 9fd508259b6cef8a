import Foundation
import LocalState

/// The files that belong to this program: in the share folder of its prefix, or in the checkout that it was
/// built in. The working directory and the folders above it are never searched, because they may hold files
/// of another user.
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

  /// The folders with the wheels that `make setup` installs into the checkout.
  package static let sitePackages: [String] = {
    guard let library = checkout.map({ $0 + "/.venv/lib" }) else { return [] }
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: library)) ?? []
    return versions.filter { $0.hasPrefix("python") }.sorted().map { "\(library)/\($0)/site-packages" }
  }()

  /// Checks that no other user can change an installed file, or a folder and everything in it.
  ///
  /// - Throws: `UntrustedPath` when another user can. The folders above the checkout or the prefix are not
  ///   checked: a user who can write to them can replace this program.
  package static func check(_ path: String) throws(UntrustedPath) {
    do throws(UntrustedPath) {
      try TrustedPath.checkAll(in: path, below: checkout ?? folder.deletingLastPathComponent().path)
    } catch {
      var error = error
      if error.advice.isEmpty { error.advice = "Reinstall it as the user who runs this program, or as root" }
      throw error
    }
  }
}
