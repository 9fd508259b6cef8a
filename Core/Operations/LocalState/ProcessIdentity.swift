import Foundation

/// One process and no other: a pid alone is given to another process once it is free.
package struct ProcessIdentity: Sendable {
  package var pid: Int32
  /// Clock ticks since boot, from `/proc`.
  package var startTime: UInt64
  /// The program that it runs; nil when that is not asked, for children of this process.
  package var executable: String?

  package init(pid: Int32, startTime: UInt64, executable: String? = nil) {
    self.pid = pid
    self.startTime = startTime
    self.executable = executable
  }

  /// Alive, and the same process.
  package var isAlive: Bool {
    guard ProcessTable.startTime(of: pid) == startTime else { return false }
    return executable == nil || ProcessTable.executable(of: pid) == executable
  }

  /// The program that runs under this pid and start time where it is another one than was recorded; else nil.
  package var impostor: String? {
    guard let executable, ProcessTable.startTime(of: pid) == startTime else { return nil }
    let found = ProcessTable.executable(of: pid) ?? "a program that can't be seen"
    return found == executable ? nil : found
  }
}
