import Foundation
import VectorMath

/// A folder of the file system.
package struct FolderDisk: Disk {
  package let path: String

  /// Creates the folder, and the folders above it, if they are missing.
  ///
  /// - Throws: `StorageError` when a folder can't be created.
  package init(_ path: String) throws(StorageError) {
    self.path = path
    try Self.make(path)
  }

  /// Creates the missing folders with mode 0700: only the owner may read them, whatever the umask.
  private static func make(_ path: String) throws(StorageError) {
    if FileManager.default.fileExists(atPath: path) { return }
    let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
    if parent != path { try make(parent) }
    guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure(path, "mkdir") }
  }

  private func place(_ name: String) -> String { "\(path)/\(name)" }

  /// - Returns: the error of the last system call.
  static func failure(_ file: String, _ call: String) -> StorageError {
    let number = errno
    let code: StorageError.Code =
      number == ENOSPC || number == EDQUOT ? .full : number == ENOENT ? .missing : .failed
    return StorageError(code, file: file, unsafe "\(call): \(String(cString: strerror(number)))")
  }

  /// The names of all files in the folder.
  ///
  /// - Throws: `StorageError` when the system call fails.
  package func names() throws(StorageError) -> [String] {
    do { return try FileManager.default.contentsOfDirectory(atPath: path) } catch {
      throw StorageError(.failed, file: path, "cannot be listed: \(error.localizedDescription)")
    }
  }

  /// Opens an empty file for writing.
  ///
  /// - Throws: `StorageError` when the system call fails.
  package func create(_ name: String) throws(StorageError) -> any WritableFile {
    let descriptor = unsafe Foundation.open(place(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure(place(name), "open") }
    return PosixFile(place(name), descriptor)
  }

  /// Maps a file.
  ///
  /// - Throws: `StorageError` when the system call fails.
  package func open(_ name: String) throws(StorageError) -> MappedFile {
    guard unsafe access(place(name), R_OK) == 0 else { throw Self.failure(place(name), "open") }
    do { return try MappedFile(path: place(name)) } catch {
      // The file may have been removed since the check above.
      guard unsafe access(place(name), R_OK) == 0 else { throw Self.failure(place(name), "open") }
      // An empty file was truncated. Other causes, such as too many open files, don't mean that its bytes are damaged.
      let isEmpty = ((try? FileManager.default.attributesOfItem(atPath: place(name)))?[.size] as? Int) == 0
      throw StorageError(
        isEmpty ? .corrupt : .failed, file: place(name), isEmpty ? "it is empty" : error.description)
    }
  }

  /// Renames a file. An existing file of the new name is replaced in one step.
  ///
  /// - Throws: `StorageError` when the system call fails.
  package func rename(_ name: String, to new: String) throws(StorageError) {
    guard unsafe Foundation.rename(place(name), place(new)) == 0 else {
      throw Self.failure(place(name), "rename")
    }
  }

  /// Removes a file. It is no error if the file does not exist.
  ///
  /// - Throws: `StorageError` when the system call fails.
  package func remove(_ name: String) throws(StorageError) {
    guard unsafe unlink(place(name)) == 0 || errno == ENOENT else {
      throw Self.failure(place(name), "unlink")
    }
  }

  /// Makes created, renamed and removed names durable (fsync of the folder).
  ///
  /// - Throws: `StorageError` when the system call fails.
  package func syncNames() throws(StorageError) {
    let descriptor = unsafe Foundation.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.failure(path, "open") }
    defer { Foundation.close(descriptor) }
    guard fsync(descriptor) == 0 else { throw Self.failure(path, "fsync") }
  }
}

/// A file of a `FolderDisk` while it is written.
private final class PosixFile: WritableFile {
  private let path: String
  private var descriptor: Int32

  init(_ path: String, _ descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close() }

  func append(_ bytes: [UInt8]) throws(StorageError) {
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer -> Int in
        guard let start = buffer.baseAddress else { return 0 }
        return unsafe Foundation.write(descriptor, start + written, bytes.count - written)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw FolderDisk.failure(path, "write") }
      written += count
    }
  }

  func sync() throws(StorageError) {
    // An fsync must not be repeated after an error: the kernel may have dropped what it could not write.
    guard fsync(descriptor) == 0 else { throw FolderDisk.failure(path, "fsync") }
  }

  func close() {
    if descriptor >= 0 { Foundation.close(descriptor) }
    descriptor = -1
  }
}
