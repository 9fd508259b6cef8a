import Failures
import Foundation
import LocalState

/// Held while an `up` owns its state folder. The kernel releases it when the process ends, also after kill
/// -9.
package final class StateLock: Sendable {
  private let descriptor: Int32

  /// - Throws: `Unavailable` when another `up` holds the lock, or the file can't be opened.
  package init(path: String, directory: StateDirectory) throws {
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Unavailable("\(path) can't be opened") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let pid = directory.read().map { " (pid \($0.supervisorPID))" } ?? ""
      throw Unavailable(
        "`millrace up` already runs in \(directory.path)\(pid): "
          + "stop it with `millrace down --state \(directory.path)`, or use another --state"
      )
    }
  }

  deinit { close(descriptor) }
}
