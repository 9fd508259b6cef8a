import Foundation
import Services
import Synchronization
import Testing

@Suite struct ServiceGroupTests {
  private actor Journal {
    var lines: [String] = []
    func write(_ line: String) { lines.append(line) }
  }

  private struct Part: Service {
    let name: String
    let journal: Journal
    let stream: AsyncStream<Void>
    let continuation: AsyncStream<Void>.Continuation

    init(_ name: String, _ journal: Journal) {
      self.name = name
      self.journal = journal
      (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    }
    func run() async throws {
      for await _ in stream { break }
      await journal.write("end \(name)")
    }
    func shutdown() async { continuation.finish() }
  }

  @Test("services stop in reverse order, one after another", .timeLimit(.minutes(20)))
  func order() async throws {
    let journal = Journal()
    let (stop, continuation) = AsyncStream.makeStream(of: Void.self)
    continuation.yield()
    let group = ServiceGroup([Part("a", journal), Part("b", journal), Part("c", journal)], onStuck: { _ in })
    try await group.run(until: stop)
    #expect(await journal.lines == ["end c", "end b", "end a"])
  }

  /// Runs for `seconds`, or until `stuck` is signalled, and ignores `shutdown`. It ends early on cancellation only if
  /// `heedsCancel` is true.
  private struct Slow: Service {
    let name: String
    let seconds: Double
    var heedsCancel = false
    let stuck = DispatchSemaphore(value: 0)
    func run() async throws {
      let end = ContinuousClock.now + .seconds(seconds)
      while ContinuousClock.now < end {
        if heedsCancel { try Task.checkCancellation() }
        if await withCheckedContinuation({ continuation in
          DispatchQueue.global().asyncAfter(deadline: .now() + 0.02) {
            continuation.resume(returning: stuck.wait(timeout: .now()) == .success)
          }
        }) {
          return
        }
      }
    }
    func shutdown() async {}
  }

  // Threads of the pool may be late by seconds on a busy machine, and the watch of the grace period is not. So each
  // case has one limit only that can be reached.
  @Test(
    "a long drain is cancelled without an error; a service that ignores cancellation is reported",
    .timeLimit(.minutes(20)))
  func grace() async throws {
    func told(_ service: Slow, drain: Double, grace: Double) async throws -> [String] {
      let told = Mutex<[String]>([])
      let (stop, continuation) = AsyncStream.makeStream(of: Void.self)
      continuation.yield()
      try await ServiceGroup(
        [service], graceDeadline: .seconds(grace), drain: .seconds(drain),
        onCancel: { names in told.withLock { $0.append("cancel \(names)") } },
        onStuck: { names in
          told.withLock { $0.append("stuck \(names)") }
          service.stuck.signal()
        }
      ).run(until: stop)
      return told.withLock { $0 }
    }
    #expect(try await told(Slow(name: "quick", seconds: 0.1), drain: 300, grace: 400) == [])
    let long = Slow(name: "long", seconds: 600, heedsCancel: true)
    #expect(try await told(long, drain: 0.2, grace: 400) == [#"cancel ["long"]"#])
    // It ends when it was reported as stuck.
    let deaf = Slow(name: "deaf", seconds: 600)
    #expect(
      try await told(deaf, drain: 0.2, grace: 10).sorted() == [#"cancel ["deaf"]"#, #"stuck ["deaf"]"#])
  }
}
