import BlockingExecutor
import Foundation
import KafkaClient
import TestSupport
import Testing

// Goal: librdkafka's threads may wake late, so that they don't spin before each of their timers. The threads that make
// a client keep their own slack. Method: the kernel's own figures in /proc.

@Suite struct TimerSlackTests {
  private func ownThread() throws -> String {
    let link = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")
    return String(try #require(link.split(separator: "/").last))
  }

  private func nanoseconds(of thread: String) throws -> Int {
    let text = try String(contentsOfFile: "/proc/\(thread)/timerslack_ns", encoding: .utf8)
    return try #require(Int(text.filter(\.isNumber)))
  }

  @Test("the slack is larger inside, and the thread's own again afterwards")
  func raised() throws {
    let before = try nanoseconds(of: ownThread())
    let inside = try TimerSlack.raised(to: .milliseconds(2)) { Result { try nanoseconds(of: ownThread()) } }
      .get()
    #expect(inside == 2_000_000)
    #expect(try nanoseconds(of: ownThread()) == before && before < 2_000_000)
  }

  @Test("the main threads of all Kafka clients have the larger slack")
  func inherited() async throws {
    let test = try TestBroker()
    let producer = try KafkaProducer(test.kafka)
    defer { Task { await producer.close(deadline: .zero) } }
    let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").filter {
      // A thread of another test may have ended.
      (try? String(contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8))?.hasPrefix("rdk:main")
        ?? false
    }
    #expect(!threads.isEmpty)
    for thread in threads {
      if let slack = try? nanoseconds(of: thread) { #expect(slack == 2_000_000) }
    }
  }
}
