import Foundation

/// Users and groups from the account database of the system.
enum Accounts {
  /// `alice (uid 1000)`, or `uid 1000` for a user without a name.
  static func name(of user: uid_t) -> String {
    userName(user).map { "\($0) (uid \(user))" } ?? "uid \(user)"
  }

  /// True when the group is the private group of its owner and has no other member, so that nobody else can
  /// write with it. Debian, Ubuntu and Fedora create such a group, with the user's name, for each user. A
  /// group with another name never counts: the members of a group in a directory service can't always be
  /// listed.
  static func isPrivate(_ group: gid_t, of owner: uid_t) -> Bool {
    guard let ownerName = userName(owner), let entry = unsafe getgrgid(group),
      unsafe String(cString: entry.pointee.gr_name) == ownerName
    else { return false }
    var member = unsafe entry.pointee.gr_mem
    while let name = unsafe member?.pointee {
      guard unsafe String(cString: name) == ownerName else { return false }
      unsafe member = unsafe member?.advanced(by: 1)
    }
    // The group's member list leaves out the users whose primary group it is.
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
