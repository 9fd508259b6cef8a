// swift-format-ignore-file: NeverForceUnwrap
import CommandLine
import Foundation
import Settings
import Stage
import Synchronization
import Testing

// Goal: work on one key is sequential. Method: concurrent tasks write a log.

@Suite struct TurnsTests {
  private final class Log: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
  }

  @Test("work on one key is sequential, on different keys concurrent; a waiting task can be cancelled")
  func turns() async throws {
    let turns = Turns<String>()
    let log = Log()
    try await turns.take("a")
    try await turns.take("b")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<3 {
        group.addTask {
          try await turns.take("a")
          log.add("begins \(number)")
          try await Task.sleep(for: .milliseconds(20))
          log.add("ends \(number)")
          turns.release("a")
        }
      }
      try await Task.sleep(for: .milliseconds(100))
      #expect(log.all == [], "the first turn has not ended")
      turns.release("a")
      try await group.waitForAll()
    }
    let lines = log.all
    #expect(lines.count == 6)
    for pair in stride(from: 0, to: 6, by: 2) {
      #expect(lines[pair].dropFirst(7) == lines[pair + 1].dropFirst(5), "one at a time: \(lines)")
    }
    await #expect(throws: CancellationError.self) {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await turns.take("b") }
        group.cancelAll()
        try await group.waitForAll()
      }
    }
  }
}
