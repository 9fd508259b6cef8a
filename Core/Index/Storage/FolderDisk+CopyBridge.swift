import Foundation

extension FolderDisk {
  /// Copies a file that nobody writes any more to another folder, durably. The file may be removed here meanwhile.
  ///
  /// - Throws: `StorageError`; with the code `.missing` when the file does not exist.
  package func copy(_ name: String, to other: FolderDisk) throws(StorageError) {
    let (from, to) = ("\(path)/\(name)", "\(other.path)/\(name)")
    let source = unsafe Foundation.open(from, O_RDONLY | O_CLOEXEC)
    guard source >= 0 else { throw Self.failure(from, "open") }
    defer { close(source) }
    let target = unsafe Foundation.open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard target >= 0 else { throw Self.failure(to, "open") }
    defer { close(target) }
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = unsafe read(source, &buffer, buffer.count)
      if count == 0 { break }
      guard count > 0 else { throw Self.failure(from, "read") }
      var written = 0
      while written < count {
        let some = unsafe buffer.withUnsafeBytes { bytes -> Int in
          guard let start = bytes.baseAddress else { return -1 }
          return unsafe write(target, start + written, count - written)
        }
        guard some > 0 else { throw Self.failure(to, "write") }
        written += some
      }
    }
    guard fsync(target) == 0 else { throw Self.failure(to, "fsync") }
  }
}
