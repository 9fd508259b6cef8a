import Foundation

/// Held while a broker works on a folder; the kernel lets go of it when the process dies, however it dies.
final class FolderLock: Sendable {
  private let descriptor: Int32

  /// - Throws: `StorageError` naming the folder when another broker holds it.
  init(directory: String) throws(StorageError) {
    let path = directory + "/broker.lock"
    // Kept aside until it is locked: were the property set, `deinit` would close it once more after a throw.
    let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      let code = errno
      throw StorageError(call: "open \(path)", code: code, detail: unsafe String(cString: strerror(code)))
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      closeDescriptor(descriptor)
      throw StorageError(
        call: "lock \(path)", code: code, detail: "another broker works on the folder \(directory)")
    }
    self.descriptor = descriptor
  }

  deinit { closeDescriptor(descriptor) }

  /// Lets another broker in.
  func release() { flock(descriptor, LOCK_UN) }
}
