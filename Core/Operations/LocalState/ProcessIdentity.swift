import Foundation

/// Identifies one process. A pid alone is not enough: it is reused after its process has ended.
package struct ProcessIdentity: Sendable {
  /// The program that the process must run.
  package enum Program: Sendable, Equatable {
    /// Not checked, for a child of this process.
    case any
    case path(String)
    /// The first letters of the file name, for a record without a path.
    case named(String)
    /// The program could not be read when the record was written, and still can't be read.
    case unseen

    /// - Parameter path: the path of the running program; nil when it can't be read.
    func matches(_ path: String?) -> Bool {
      switch self {
      case .any: true
      case .path(let expected): path == expected
      case .named(let start):
        path.map { URL(fileURLWithPath: $0).lastPathComponent.hasPrefix(start) } ?? false
      case .unseen: path == nil
      }
    }
  }

  package var pid: Int32
  /// Clock ticks since boot, from `/proc`.
  package var startTime: UInt64
  package var program: Program

  package init(pid: Int32, startTime: UInt64, program: Program = .any) {
    self.pid = pid
    self.startTime = startTime
    self.program = program
  }

  private var isRunning: Bool { ProcessTable.startTime(of: pid) == startTime }

  /// True while the recorded process runs the recorded program.
  package var isAlive: Bool { isRunning && program.matches(ProcessTable.executable(of: pid)) }

  /// The program that runs under this pid and start time when it is not the recorded one; nil otherwise.
  package var impostor: String? {
    // Try again: an exiting process has no program for a moment before it disappears.
    var found = ProcessTable.executable(of: pid)
    for _ in 0..<40 where found == nil && isRunning && !program.matches(nil) {
      usleep(25_000)
      found = ProcessTable.executable(of: pid)
    }
    guard isRunning, !program.matches(found) else { return nil }
    return found ?? "a program that can't be read"
  }
}
