import Foundation

/// Lets only one process use a volume. The kernel releases the lock when the process ends, even after a crash.
package final class VolumeLock: Sendable {
  private let descriptor: Int32

  /// - Throws: `StorageError` with the code `.failed` when another process holds the lock.
  package init(_ disk: FolderDisk) throws(StorageError) {
    let path = disk.path + "/lock"
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FolderDisk.failure(path, "open") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let failure = StorageError(.failed, file: path, "another process uses this volume")
      close(descriptor)
      throw failure
    }
  }

  deinit { close(descriptor) }
}
