import Foundation

/// A folder that Millrace fills and that this user alone may read and write.
package struct PrivateFolder: Sendable {
  package let path: String
  /// The names of what Millrace puts there. Nothing else in the folder is ever touched.
  private let contents: Set<String>
  /// Those of them that no other program would leave.
  private let marks: Set<String>
  /// Those that may be there before a mark is, where an earlier start was cut short.
  private let early: Set<String>

  /// - Parameters:
  ///   - path: a relative one counts from the working folder.
  ///   - contents: what Millrace puts there.
  ///   - marks: those of `contents` by which a folder of Millrace's is known.
  ///   - early: those of `contents` that may be there without a mark.
  package init(_ path: String, contents: Set<String>, marks: Set<String>, early: Set<String>) {
    let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    // `..` stays: what it means behind a link is the kernel's to say, and `TrustedPath` follows it as the kernel does.
    self.path = "/" + whole.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    self.contents = contents
    self.marks = marks
    self.early = early
  }

  /// - Returns: whether it exists.
  /// - Throws: `UntrustedPath` when it is no folder, or somebody else could have made it or can change it.
  @discardableResult
  package func check() throws(UntrustedPath) -> Bool {
    guard let kind = try TrustedPath.kind(of: path) else { return false }
    guard kind == .directory else { throw UntrustedPath(path: path, finding: "is no folder") }
    return true
  }

  /// Makes it, and the folders above it that are missing.
  ///
  /// - Throws: `UntrustedPath`, also for a folder that holds other things and nothing of ours; an error of Foundation's when
  ///   it can't be made.
  package func create() throws {
    if try check() {
      let names = Set(try FileManager.default.contentsOfDirectory(atPath: path))
      // A volume of its own holds `lost+found` from the start.
      guard names.isSubset(of: early.union(["lost+found"])) || !names.isDisjoint(with: marks) else {
        throw UntrustedPath(
          path: path, finding: "is not empty, and nothing in it is Millrace's",
          advice: "Name a folder that is new or empty: it will be closed to other users")
      }
      return
    }
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    try check()
  }

  /// Takes the rights of group and others away from the folder and from what Millrace put there.
  ///
  /// - Returns: a line to the user about what was open; nil when nothing was.
  /// - Throws: `UntrustedPath` for an entry that somebody else made; an error of Foundation's when a mode can't be changed.
  package func close() throws -> String? {
    var openCount = 0
    // From the top down: once a folder is closed, nobody else can put another entry in the place of one that was looked at.
    // Where a link was put for the folder or a part of it, what it leads to is meant.
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
    return "\(openCount) files and folders of \(path) were open to other users; they are yours alone now"
  }

  private func closeAll(_ entry: String, _ openCount: inout Int) throws {
    guard try close(entry, &openCount) == .directory else { return }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: entry)
    } catch {
      // What a killed `up` left may still run, and remove its folders.
      guard try FileStatus(of: entry) != nil else { return }
      throw error
    }
    for name in names { try closeAll("\(entry)/\(name)", &openCount) }
  }

  /// - Returns: what it is; nil when it is not there, or no longer: something may still run in the folder.
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
          "is open to other users, and can't be closed: it belongs to \(Accounts.name(of: status.owner))",
        advice: "sudo chown -R \(Accounts.name(of: geteuid()).prefix { $0 != " " }) \(path)")
    }
    openCount += 1
    return status.kind
  }
}
