import Foundation

/// Checks that a path leads to something that only this user or root could have made.
///
/// Every folder and every symbolic link on the way is checked, because a user who can write a folder can
/// replace its entries. A sticky folder such as `/tmp` is allowed on the way: there only the owner of an
/// entry can move it, and the owner is checked too. After a path has passed, no other user can change what it
/// leads to, so the path can safely be opened later.
package enum TrustedPath {
  private static let linksMax = 40

  /// - Parameters:
  ///   - path: absolute.
  ///   - root: this folder and the folders above it are not checked. The running program lies below it: a
  ///     user who can write there can replace the program itself.
  /// - Throws: `UntrustedPath` for the first folder, link or file that another user could have made or can
  ///   change. A path that does not exist passes.
  package static func check(_ path: String, below root: String? = nil) throws(UntrustedPath) {
    _ = try kind(of: path, below: root)
  }

  /// - Returns: the kind of what the path leads to; nil when it does not exist.
  static func kind(of path: String, below root: String? = nil) throws(UntrustedPath) -> FileStatus.Kind? {
    try resolve(path, below: root)?.kind
  }

  /// - Returns: what the path leads to, as a path without links, and its kind; nil when it does not exist.
  static func resolve(
    _ path: String, below root: String?
  ) throws(UntrustedPath) -> (path: String, kind: FileStatus.Kind)? {
    var pending = Array(path.split(separator: "/").reversed())
    var current = ""
    var linkCount = 0
    var kind = FileStatus.Kind.directory
    if let status = try FileStatus(of: "/") { try check("/", status, isLast: false, root) }
    while let name = pending.popLast() {
      if name == "." { continue }
      if name == ".." {
        (current, kind) = (String(current[..<(current.lastIndex(of: "/") ?? current.startIndex)]), .directory)
        continue
      }
      let next = "\(current)/\(name)"
      guard let status = try FileStatus(of: next) else { return nil }
      guard status.kind == .link else {
        try check(next, status, isLast: false, root)
        (current, kind) = (next, status.kind)
        continue
      }
      if !isExempt(next, root) { try checkOwner(of: next, status) }
      linkCount += 1
      guard linkCount <= linksMax,
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: next)
      else { throw UntrustedPath(path: next, finding: "is a link that can't be followed") }
      if target.hasPrefix("/") { current = "" }
      pending += target.split(separator: "/").reversed()
    }
    // A sticky folder is allowed on the way but not at the end, where every user could add files.
    if kind == .directory, let status = try FileStatus(of: current.isEmpty ? "/" : current) {
      try check(current.isEmpty ? "/" : current, status, isLast: true, root)
    }
    return (current.isEmpty ? "/" : current, kind)
  }

  /// Checks a path and, if it is a folder, all entries below it, also through links.
  ///
  /// - Throws: `UntrustedPath` for the first entry that another user could have made or can change, for a
  ///   folder that can't be listed, and for folders nested too deeply.
  package static func checkAll(in folder: String, below root: String? = nil) throws(UntrustedPath) {
    try checkAll(in: folder, below: root, depth: 0)
  }

  private static let depthMax = 16

  private static func checkAll(in path: String, below root: String?, depth: Int) throws(UntrustedPath) {
    guard let found = try resolve(path, below: root), found.kind == .directory else { return }
    guard depth < depthMax else { throw UntrustedPath(path: path, finding: "is nested too deeply") }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: found.path)
    } catch {
      throw UntrustedPath(path: path, finding: "can't be listed: \(error.localizedDescription)")
    }
    for name in names { try checkAll(in: "\(found.path)/\(name)", below: root, depth: depth + 1) }
  }

  private static func check(
    _ path: String, _ status: FileStatus, isLast: Bool, _ root: String?
  ) throws(UntrustedPath) {
    if isExempt(path, root) { return }
    try checkOwner(of: path, status)
    let mode = String(format: "%04o", status.mode)
    let isSticky = status.mode & 0o1000 != 0 && status.kind == .directory && !isLast
    if status.mode & 0o002 != 0, !isSticky {
      throw UntrustedPath(
        path: path, finding: "has mode \(mode): every user can write to it",
        advice: "If nobody has tampered with it: chmod o-w \(path)")
    }
    guard status.mode & 0o020 != 0, !isSticky else { return }
    guard Accounts.isPrivate(status.group, of: status.owner), !AccessControlList.exists(on: path) else {
      throw UntrustedPath(
        path: path, finding: "has mode \(mode): its group (gid \(status.group)) can write to it",
        advice: "If nobody has tampered with it: chmod g-w \(path)")
    }
  }

  static func checkOwner(of path: String, _ status: FileStatus) throws(UntrustedPath) {
    guard status.owner != 0, status.owner != geteuid() else { return }
    throw UntrustedPath(
      path: path,
      finding:
        "belongs to \(Accounts.name(of: status.owner)), mode \(String(format: "%04o", status.mode)), and not to "
        + "\(Accounts.name(of: geteuid()))" + (geteuid() == 0 ? "" : " or root"))
  }

  private static func isExempt(_ path: String, _ root: String?) -> Bool {
    guard let root else { return false }
    return root == path || root.hasPrefix(path == "/" ? "/" : path + "/")
  }
}
