import Foundation

/// A folder that this user alone may read and write, with all that is in it.
package struct PrivateFolder: Sendable {
  package let path: String

  /// - Parameter path: a relative one counts from the working folder.
  package init(_ path: String) {
    let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    // `..` stays: what it means behind a link is the kernel's to say, and `TrustedPath` follows it as the kernel does.
    self.path = "/" + whole.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
  }

  /// - Returns: whether it exists.
  /// - Throws: `UntrustedPath` when it is no folder, or somebody else could have made it or can change it.
  @discardableResult
  package func check() throws(UntrustedPath) -> Bool {
    guard let kind = try TrustedPath.kind(of: path) else { return false }
    guard kind == .directory else {
      throw UntrustedPath(path: path, finding: "is no folder")
    }
    return true
  }

  /// Makes it, and the folders above it that are missing.
  ///
  /// - Throws: `UntrustedPath`; an error of Foundation's when it can't be made.
  package func create() throws {
    guard try !check() else { return }
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    try check()
  }

  /// Takes the rights of group and others away from the folder and everything in it.
  ///
  /// - Returns: what was open, for a line to the user; nil when nothing was.
  /// - Throws: `UntrustedPath` for an entry that somebody else made or can change; an error of Foundation's when a mode can't
  ///   be changed.
  package func close() throws -> String? {
    guard let status = try FileStatus(of: path) else { return nil }
    // First the folder itself: nobody else gets in while the rest is closed.
    var openCount = try close(path, status) ? 1 : 0
    for name in FileManager.default.enumerator(atPath: path)?.compactMap({ $0 as? String }) ?? [] {
      let entry = "\(path)/\(name)"
      // A file may be removed meanwhile, by something that still runs here.
      guard let status = try FileStatus(of: entry) else { continue }
      try TrustedPath.checkOwner(of: entry, status)
      if try close(entry, status) { openCount += 1 }
    }
    guard openCount > 0 else { return nil }
    return "\(path) was open to other users (mode \(String(format: "%04o", status.mode))): "
      + "\(openCount) files and folders are yours alone now"
  }

  private func close(_ entry: String, _ status: FileStatus) throws -> Bool {
    guard status.mode & 0o077 != 0, status.kind != .link else { return false }
    let mode = status.kind == .directory ? 0o700 : 0o600
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: entry)
    return true
  }
}
