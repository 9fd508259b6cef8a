import Foundation

/// Tells whether a path leads to something that only this user, or root, could have put there.
///
/// Every folder on the way is looked at, and every symbolic link: whoever may write a folder can put another in the place
/// of what it holds. A sticky folder such as `/tmp` is fine on the way, since there only the owner of an entry can move it,
/// and the entry's owner is looked at too. Once a path has passed, nobody else can change what it leads to, so that
/// looking first and opening later is safe.
package enum TrustedPath {
  private static let linksMax = 40

  /// - Parameters:
  ///   - path: absolute.
  ///   - root: this folder and those above it are not looked at: the running program lies below it, and whoever may write
  ///     it can replace the program itself.
  /// - Throws: `UntrustedPath` for the first folder, link or file that breaks the rule. What does not exist breaks none.
  package static func check(_ path: String, below root: String? = nil) throws(UntrustedPath) {
    _ = try kind(of: path, below: root)
  }

  /// - Returns: what the path leads to; nil when it does not exist.
  static func kind(of path: String, below root: String? = nil) throws(UntrustedPath) -> FileStatus.Kind? {
    try resolve(path, below: root)?.kind
  }

  /// - Returns: what the path leads to, and where that lies, without links; nil when it does not exist.
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
      else { throw UntrustedPath(path: next, finding: "is a link that leads nowhere") }
      if target.hasPrefix("/") { current = "" }
      pending += target.split(separator: "/").reversed()
    }
    // Sticky is enough on the way, not at its end: there everybody may add files.
    if kind == .directory, let status = try FileStatus(of: current.isEmpty ? "/" : current) {
      try check(current.isEmpty ? "/" : current, status, isLast: true, root)
    }
    return (current.isEmpty ? "/" : current, kind)
  }

  /// Looks at every entry of a folder too, at any depth, through links to folders as well.
  package static func checkAll(in folder: String, below root: String? = nil) throws(UntrustedPath) {
    try checkAll(in: folder, below: root, depth: 0)
  }

  private static let depthMax = 16

  private static func checkAll(in path: String, below root: String?, depth: Int) throws(UntrustedPath) {
    guard let found = try resolve(path, below: root), found.kind == .directory else { return }
    guard depth < depthMax else { throw UntrustedPath(path: path, finding: "lies too deep") }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: found.path)
    } catch {
      throw UntrustedPath(path: path, finding: "can't be looked into: \(error.localizedDescription)")
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
        path: path, finding: "has mode \(mode): everybody may write it",
        advice: "If nobody has tampered with it: chmod o-w \(path)")
    }
    guard status.mode & 0o020 != 0, !isSticky else { return }
    guard Accounts.isPrivate(status.group, of: status.owner), !AccessControlList.exists(on: path) else {
      throw UntrustedPath(
        path: path, finding: "has mode \(mode): its group (gid \(status.group)) may write it",
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
