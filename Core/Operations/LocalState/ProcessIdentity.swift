import Foundation

/// One process and no other: a pid alone is given to another process once it is free.
package struct ProcessIdentity: Sendable {
  /// What the process must run.
  package enum Program: Sendable, Equatable {
    /// Not asked: a child of this process.
    case any
    case path(String)
    /// A file name that begins so, for a record that has no path.
    case named(String)
    /// It could not be seen when the record was written, and can't be now.
    case unseen

    /// - Parameter path: of the program that runs; nil when it can't be seen.
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

  /// Alive, and the same process.
  package var isAlive: Bool { isRunning && program.matches(ProcessTable.executable(of: pid)) }

  /// The program that runs under this pid and start time where it is not the recorded one; else nil.
  package var impostor: String? {
    // For a moment a process that ends has no program any more, and is not gone yet.
    var found = ProcessTable.executable(of: pid)
    for _ in 0..<40 where found == nil && isRunning && !program.matches(nil) {
      usleep(25_000)
      found = ProcessTable.executable(of: pid)
    }
    guard isRunning, !program.matches(found) else { return nil }
    return found ?? "a program that can't be seen"
  }
}
