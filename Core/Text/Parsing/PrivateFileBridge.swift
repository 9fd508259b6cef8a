import Foundation

/// A temporary file that this user alone may read, whatever the umask: what is in it is somebody's document.
enum PrivateFile {
  /// - Throws: an error of the system; also where something is at `path` already: a link that somebody put there is not
  ///   followed.
  static func write(_ bytes: [UInt8], to path: String) throws {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    try handle.write(contentsOf: bytes)
    try handle.close()
  }
}
