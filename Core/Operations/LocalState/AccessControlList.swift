import Foundation

/// Access control lists give rights beyond the permission bits, whose group part is then the most that any list gives.
enum AccessControlList {
  static func exists(on path: String) -> Bool {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    let extended = attributes?[FileAttributeKey(rawValue: "NSFileExtendedAttributes")] as? [String: Any]
    return extended?["system.posix_acl_access"] != nil
  }
}
