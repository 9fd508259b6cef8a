import Foundation

/// Users and groups as the system knows them.
enum Accounts {
  /// `alice (uid 1000)`, or `uid 1000` for one without a name.
  static func name(of user: uid_t) -> String {
    userName(user).map { "\($0) (uid \(user))" } ?? "uid \(user)"
  }

  /// Whether the group is the private group of its owner (as Debian, Ubuntu and Fedora make one for each user), with no
  /// other member: what it may write, nobody else may. A group of another name is not asked: the members of a group in
  /// a directory service can't always be listed.
  static func isPrivate(_ group: gid_t, of owner: uid_t) -> Bool {
    guard let ownerName = userName(owner), let entry = unsafe getgrgid(group),
      unsafe String(cString: entry.pointee.gr_name) == ownerName
    else { return false }
    var member = unsafe entry.pointee.gr_mem
    while let name = unsafe member?.pointee {
      guard unsafe String(cString: name) == ownerName else { return false }
      unsafe member = unsafe member?.advanced(by: 1)
    }
    // Others may have it as their primary group, which the group's own list leaves out.
    setpwent()
    defer { endpwent() }
    while let user = unsafe getpwent() {
      if unsafe user.pointee.pw_gid == group, unsafe user.pointee.pw_uid != owner { return false }
    }
    return true
  }

  private static func userName(_ user: uid_t) -> String? {
    guard let entry = unsafe getpwuid(user) else { return nil }
    return unsafe String(cString: entry.pointee.pw_name)
  }
}
