// swift-format-ignore-file: NeverForceUnwrap
import Foundation
import Synchronization
import TestSupport
import Testing

// Goal: the number of shards can change while queries run: nothing is lost, and no answer mixes the shards of two
// layouts. Method: 1, then 4, then 2 shards. Each layout starts beside the previous one, which then stops, as in a
// rollout. Meanwhile two threads ask questions, and documents are put.

@Suite(.serialized, .timeLimit(.minutes(10))) struct LayoutTests {
  private struct Asked: Sendable {
    var drawer: Int
    var code: Int32
    var error: String
    var answered: Int
    var total: Int
    /// The cited documents, best first.
    var ids: [String]

    init(drawer: Int, _ output: Pipeline.Output) {
      let object = try? JSONSerialization.jsonObject(with: Data(output.text.utf8)) as? [String: Any]
      self.drawer = drawer
      code = output.code
      error = output.error
      let shards = object?["shards"] as? [String: Any]
      answered = shards?["answered"] as? Int ?? 0
      total = shards?["total"] as? Int ?? 0
      let citations = object?["citations"] as? [[String: Any]] ?? []
      ids = citations.compactMap { $0["document_id"] as? String }
    }
  }

  private static func text(_ drawer: Int) -> String {
    "Drawer \(drawer) holds \(drawer * 7 + 3) copper coins."
  }

  @Test(
    "1, 4 and 2 shards under load: each question is answered by one layout, and no document is lost",
    .disabled(if: Pipeline.isOnKafka, "the broker makes no difference to it"))
  func layouts() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("layout-\(UUID().uuidString)")
      .path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let broker = Process()
    broker.executableURL = URL(fileURLWithPath: Pipeline.binary)
    broker.arguments = [
      "broker", "--data", folder + "/data", "--port-file", folder + "/port", "--broker-port", "0", "--state",
      folder,
    ]
    broker.standardOutput = FileHandle.nullDevice
    broker.standardError = FileHandle.nullDevice
    try broker.run()
    defer {
      broker.terminate()
      broker.waitUntilExit()
    }
    #expect(
      eventually(20) { (try? String(contentsOfFile: folder + "/port", encoding: .utf8))?.isEmpty == false })
    let port = try String(contentsOfFile: folder + "/port", encoding: .utf8).filter(\.isNumber)
    let address = "127.0.0.1:\(port)"
    func layout(_ shards: Int) throws -> Pipeline {
      try Pipeline([
        "--kafka", address, "--shards", "\(shards)", "--search-checkpoint-interval", "1s", "--retrieve-wait",
        "3s",
      ])
    }

    @Sendable func ask(_ drawer: Int) throws -> Pipeline.Output {
      try Pipeline.run(
        Pipeline.binary,
        [
          "search", "How many copper coins does drawer \(drawer) hold?", "--json", "--top-k", "3",
          "--kafka-bootstrap-servers", address, "--state", folder,
        ])
    }

    var running = try layout(1)
    let lines = (0..<60).map { #"{"id":"drawer-\#($0)","text":"\#(Self.text($0))"}"# }
    try lines.joined(separator: "\n").write(toFile: folder + "/put.jsonl", atomically: true, encoding: .utf8)
    #expect(try running.millrace(["documents", "put", folder + "/put.jsonl"]).code == 0)

    // The scan is exact, so the number of shards makes no difference.
    let expected = try (0..<60).map { try Asked(drawer: $0, ask($0)).ids }
    #expect(expected.allSatisfy { $0.count == 3 })

    let isDone = Mutex(false)
    let asked = Mutex<[Asked]>([])
    let threads = (0..<2).map { number in
      Thread {
        var random = SplitMix(state: UInt64(number))
        while !isDone.withLock({ $0 }) {
          let drawer = Int.random(in: 0..<60, using: &random)
          guard let output = try? ask(drawer) else { continue }
          let one = Asked(drawer: drawer, output)
          asked.withLock { $0.append(one) }
        }
      }
    }
    for thread in threads { thread.start() }
    var totals: [Int] = []
    for (round, shards) in [4, 2].enumerated() {
      let before = asked.withLock { $0.count }
      #expect(eventually(60) { asked.withLock { $0.count } >= before + 5 })
      let next = try layout(shards)
      let put = #"{"id":"late-\#(round)","text":"Late box \#(round) has gone to the cellar."}"#
      try put.write(toFile: folder + "/late.jsonl", atomically: true, encoding: .utf8)
      #expect(try next.millrace(["documents", "put", folder + "/late.jsonl"]).code == 0)
      #expect(try running.millrace(["down"]).code == 0)
      running = next
      let after = asked.withLock { $0.count }
      #expect(eventually(60) { asked.withLock { $0.count } >= after + 10 })
      totals.append(asked.withLock { $0.last?.total ?? 0 })
    }
    isDone.withLock { $0 = true }
    #expect(eventually(90) { threads.allSatisfy(\.isFinished) })

    let all = asked.withLock { $0 }
    var partial = 0
    for one in all {
      #expect(one.code == 0, "drawer \(one.drawer): \(one.error)")
      #expect([1, 4, 2].contains(one.total), "\(one)")
      guard one.answered == one.total else {
        partial += 1
        continue
      }
      #expect(one.ids == expected[one.drawer], "\(one)")
    }
    print("\(all.count) questions, \(partial) of them partial, by the last layouts \(totals)")
    #expect(totals == [4, 2])
    #expect(partial * 5 < all.count)
    let ledger = try running.json(["ledger", "--index"])
    for part in ["documents", "queries"] {
      let counts = try #require(ledger[part] as? [String: Any])
      #expect(counts["lost"] as? Int == 0 && counts["contradicted"] as? Int == 0, "\(part): \(counts)")
    }
    #expect((ledger["index"] as? [String: Any])?["agrees"] as? Bool == true, "\(ledger)")
    #expect(try running.array(["documents", "list"]).count == 62)
  }
}
