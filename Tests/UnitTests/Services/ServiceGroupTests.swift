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

  @Test("services stop in reverse order, one after another", .timeLimit(.minutes(3)))
  func order() async throws {
    let journal = Journal()
    let (stop, continuation) = AsyncStream.makeStream(of: Void.self)
    continuation.yield()
    let group = ServiceGroup([Part("a", journal), Part("b", journal), Part("c", journal)], onStuck: { _ in })
    try await group.run(until: stop)
    #expect(await journal.lines == ["end c", "end b", "end a"])
  }

  /// Runs for `seconds` and ignores `shutdown`. It ends early on cancellation only if `heedsCancel` is true.
  private struct Slow: Service {
    let name: String
    let seconds: Double
    let heedsCancel: Bool
    func run() async throws {
      let end = ContinuousClock.now + .seconds(seconds)
      while ContinuousClock.now < end {
        if heedsCancel { try Task.checkCancellation() }
        await withCheckedContinuation { continuation in
          DispatchQueue.global().asyncAfter(deadline: .now() + 0.02) { continuation.resume() }
        }
      }
    }
    func shutdown() async {}
  }

  @Test(
    "a long drain is cancelled without an error; a service that ignores cancellation is reported",
    .timeLimit(.minutes(3)))
  func grace() async throws {
    let told = Mutex<[String]>([])
    func run(_ services: [any Service]) async throws {
      let (stop, continuation) = AsyncStream.makeStream(of: Void.self)
      continuation.yield()
      try await ServiceGroup(
        services, graceDeadline: .seconds(4),
        onCancel: { names in told.withLock { $0.append("cancel \(names)") } },
        onStuck: { names in told.withLock { $0.append("stuck \(names)") } }
      ).run(until: stop)
    }
    try await run([Slow(name: "quick", seconds: 0.1, heedsCancel: false)])
    #expect(told.withLock { $0 } == [])
    try await run([Slow(name: "long", seconds: 60, heedsCancel: true)])
    #expect(told.withLock { $0 } == [#"cancel ["long"]"#])
    try await run([Slow(name: "deaf", seconds: 6, heedsCancel: false)])
    #expect(
      told.withLock { $0 }.dropFirst() == [#"cancel ["deaf"]"#, #"stuck ["deaf"]"#])
  }
}
