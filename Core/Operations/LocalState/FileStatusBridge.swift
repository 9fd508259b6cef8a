import Foundation

/// The kind, owner and mode of a path. A symbolic link is not followed.
struct FileStatus {
  enum Kind { case directory, regular, link, other }

  var kind: Kind
  var owner: uid_t
  var group: gid_t
  /// Permission bits, with the sticky bit.
  var mode: UInt32

  /// - Returns: nil when the path does not exist.
  /// - Throws: `UntrustedPath` when the path can't be examined, for example because a folder above it can't
  ///   be searched.
  init?(of path: String) throws(UntrustedPath) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else {
      let code = errno
      if code == ENOENT || code == ENOTDIR { return nil }
      throw UntrustedPath(
        path: path, finding: "can't be examined: \(unsafe String(cString: strerror(code)))")
    }
    kind =
      switch status.st_mode & S_IFMT {
      case S_IFDIR: .directory
      case S_IFREG: .regular
      case S_IFLNK: .link
      default: .other
      }
    owner = status.st_uid
    group = status.st_gid
    mode = status.st_mode & 0o7777
  }
}
