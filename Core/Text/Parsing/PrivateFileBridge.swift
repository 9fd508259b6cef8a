import Foundation

/// A temporary file that only this user may read, whatever the umask, because it holds somebody's document.
enum PrivateFile {
  /// - Throws: The system's error. An existing file or link at `path` is an error too, so that a link that
  ///   somebody put there is not followed.
  static func write(_ bytes: [UInt8], to path: String) throws {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    try handle.write(contentsOf: bytes)
    try handle.close()
  }
}
