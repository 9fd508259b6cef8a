import Foundation

/// Access control lists grant rights beyond the permission bits. When a path has one, the group bits only
/// limit what the list can grant.
enum AccessControlList {
  static func exists(on path: String) -> Bool {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    let extended = attributes?[FileAttributeKey(rawValue: "NSFileExtendedAttributes")] as? [String: Any]
    return extended?["system.posix_acl_access"] != nil
  }
}
