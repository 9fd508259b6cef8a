import Foundation

/// Held while a broker uses a folder. The kernel releases it when the process ends, also after kill -9.
final class FolderLock: Sendable {
  private let descriptor: Int32

  /// - Throws: `StorageError` when another broker holds the lock, naming the folder, or when the lock file
  ///   can't be opened.
  init(directory: String) throws(StorageError) {
    let path = directory + "/broker.lock"
    // Set the property only after locking: otherwise, after a throw, `deinit` would close the descriptor
    // again.
    let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      let code = errno
      throw StorageError(call: "open \(path)", code: code, detail: unsafe String(cString: strerror(code)))
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      closeDescriptor(descriptor)
      throw StorageError(
        call: "lock \(path)", code: code, detail: "another broker uses the folder \(directory)")
    }
    self.descriptor = descriptor
  }

  deinit { closeDescriptor(descriptor) }

  /// Releases the folder for another broker.
  func release() { flock(descriptor, LOCK_UN) }
}
