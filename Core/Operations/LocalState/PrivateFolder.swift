import Foundation

/// A folder for Millrace's files, which only this user can read and write.
package struct PrivateFolder: Sendable {
  package let path: String
  /// The names of the entries that Millrace creates. No other entry of the folder is ever changed.
  private let contents: Set<String>
  /// The entries that no other program would create.
  private let marks: Set<String>
  /// The entries that can exist without a mark, after an interrupted start.
  private let early: Set<String>

  /// - Parameters:
  ///   - path: a relative path starts at the working directory.
  ///   - contents: the names of the entries that Millrace creates.
  ///   - marks: the entries of `contents` that identify a folder of Millrace.
  ///   - early: the entries of `contents` that can exist without a mark.
  package init(_ path: String, contents: Set<String>, marks: Set<String>, early: Set<String>) {
    let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    // Keep `..`: behind a link its meaning depends on the link. `TrustedPath` follows it as the kernel does.
    self.path = "/" + whole.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    self.contents = contents
    self.marks = marks
    self.early = early
  }

  /// - Returns: whether the folder exists.
  /// - Throws: `UntrustedPath` when the path is not a folder, or another user could have made it or can
  ///   change it.
  @discardableResult
  package func check() throws(UntrustedPath) -> Bool {
    guard let kind = try TrustedPath.kind(of: path) else { return false }
    guard kind == .directory else { throw UntrustedPath(path: path, finding: "is not a folder") }
    return true
  }

  /// Creates the folder and the missing folders above it.
  ///
  /// - Throws: `UntrustedPath` as `check()`, and for a folder that holds other files and none of Millrace's;
  ///   a Foundation error when the folder can't be created.
  package func create() throws {
    if try check() {
      let names = Set(try FileManager.default.contentsOfDirectory(atPath: path))
      // A separate volume holds `lost+found` from the start.
      guard names.isSubset(of: early.union(["lost+found"])) || !names.isDisjoint(with: marks) else {
        throw UntrustedPath(
          path: path, finding: "is not empty and holds no file of Millrace",
          advice: "Name a new or empty folder: Millrace will close it to other users")
      }
      return
    }
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    try check()
  }

  /// Removes the permissions of group and others from the folder and from Millrace's entries.
  ///
  /// - Returns: a line for the user about what was open; nil when nothing was.
  /// - Throws: `UntrustedPath` for an entry of another user or a mode that can't be changed; a Foundation
  ///   error when a folder can't be listed.
  package func close() throws -> String? {
    var openCount = 0
    // From the top down: once a folder is closed, no other user can replace an entry that was already
    // checked. A link in place of the folder or of an entry is followed, and its target is closed.
    guard let folder = try TrustedPath.resolve(path, below: nil) else { return nil }
    try close(folder.path, &openCount)
    for name in contents {
      let entry = "\(folder.path)/\(name)"
      guard try FileStatus(of: entry)?.kind == .link else {
        try closeAll(entry, &openCount)
        continue
      }
      if let found = try TrustedPath.resolve(entry, below: nil) { try closeAll(found.path, &openCount) }
    }
    guard openCount > 0 else { return nil }
    return "\(openCount) files and folders of \(path) were open to other users; now only you can use them"
  }

  private func closeAll(_ entry: String, _ openCount: inout Int) throws {
    guard try close(entry, &openCount) == .directory else { return }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: entry)
    } catch {
      // A process that a killed `up` left may still run and remove its folders.
      guard try FileStatus(of: entry) != nil else { return }
      throw error
    }
    for name in names { try closeAll("\(entry)/\(name)", &openCount) }
  }

  /// - Returns: the kind of the entry; nil when it does not exist: a running process may have removed it.
  @discardableResult
  private func close(_ entry: String, _ openCount: inout Int) throws -> FileStatus.Kind? {
    guard let status = try FileStatus(of: entry) else { return nil }
    try TrustedPath.checkOwner(of: entry, status)
    guard status.kind != .link, status.mode & 0o077 != 0 else { return status.kind }
    do {
      try FileManager.default.setAttributes(
        [.posixPermissions: Int(status.mode & 0o700)], ofItemAtPath: entry)
    } catch {
      guard try FileStatus(of: entry) != nil else { return nil }
      throw UntrustedPath(
        path: entry,
        finding:
          "is open to other users and can't be closed: it belongs to \(Accounts.name(of: status.owner))",
        advice: "sudo chown -R \(Accounts.name(of: geteuid()).prefix { $0 != " " }) \(path)")
    }
    openCount += 1
    return status.kind
  }
}
