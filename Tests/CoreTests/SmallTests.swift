// swift-format-ignore-file: NeverForceUnwrap
import CommandLine
import Foundation
import Freshness
import Catalog
import Flat
import Records
import Retrieval
import Services
import Settings
import Stage
import Synchronization
import Telemetry
import Testing
import VectorMath

// Goal and method: one suite per value type, each rule with a case that breaks it.

@Suite struct TurnsTests {
  private final class Log: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
  }

  @Test("work of one key goes one after another, of others beside it; who waits may be cancelled")
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
      #expect(log.all == [], "the first has not ended")
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

@Suite struct CommitWindowTests {
  /// Which of these offsets the window takes.
  private func admitted(_ offsets: [Int64], _ window: inout CommitWindow) -> [Int64] {
    var taken: [Int64] = []
    for offset in offsets where window.admit(offset) { taken.append(offset) }
    return taken
  }

  @Test("the lowest offset in flight is committed; what is finished beyond it is in the metadata")
  func prefixAndBitmap() {
    var window = CommitWindow(committed: 10, metadata: "")
    let first = admitted([10, 11, 15, 16], &window)
    #expect(first == [10, 11, 15, 16])
    window.finish(11)
    window.finish(16)
    #expect(window.nextOffset == 10)
    var successor = CommitWindow(committed: window.nextOffset, metadata: window.metadata)
    let second = admitted([10, 11, 15, 16], &successor)
    #expect(second == [10, 15], "11 and 16 were finished by the former owner")
    window.finish(10)
    #expect(window.nextOffset == 15, "gaps in offsets are tolerated")
    window.finish(15)
    #expect(window.nextOffset == 17 && window.metadata.isEmpty)
  }

  @Test("a record in flight or below the prefix is not admitted again")
  func repeats() {
    var window = CommitWindow(committed: 0, metadata: "")
    let twice = admitted([3, 3], &window)
    window.finish(3)
    let again = admitted([3, 1, 4], &window)
    #expect(twice == [3] && again == [4])
  }

  @Test("a record that was left is worked on by nobody, holds the prefix back, and may be admitted again")
  func left() {
    var window = CommitWindow(committed: 0, metadata: "")
    _ = admitted([0, 1, 2], &window)
    window.leave(1)
    #expect(window.inFlightCount == 2 && !window.isInFlight(1))
    window.finish(0)
    window.finish(2)
    #expect(window.nextOffset == 1, "it has no end: nothing beyond it is committed")
    #expect(window.inFlightCount == 0)
    let again = admitted([0, 1, 2], &window)
    #expect(again == [1] && window.isInFlight(1))
    window.finish(1)
    #expect(window.nextOffset == 3 && window.metadata.isEmpty)
    window.leave(1)
    #expect(window.inFlightCount == 0, "what is finished can't be left")
  }

  @Test("a window is not full for the sake of a record that was left: that one could not come again")
  func leftAndFull() {
    var window = CommitWindow(committed: 0, metadata: "")
    _ = admitted(Array(0..<CommitWindow.spanMax), &window)
    for offset in 1..<CommitWindow.spanMax { window.finish(offset) }
    window.leave(0)
    #expect(!window.isFull)
    let again = admitted([0], &window)
    #expect(again == [0] && window.isFull)
  }

  @Test("metadata fits Kafka's limit when the window is full, and unreadable metadata repeats work")
  func limits() {
    var window = CommitWindow(committed: 0, metadata: "")
    _ = admitted(Array(0..<CommitWindow.spanMax), &window)
    #expect(window.isFull)
    for offset in 1..<CommitWindow.spanMax { window.finish(offset) }
    #expect(window.metadata.utf8.count <= 4096)
    var restored = CommitWindow(committed: 5, metadata: "not base64!")
    let all = admitted([5, 6], &restored)
    #expect(all == [5, 6])
  }
}

@Suite struct SettingsTests {
  @Test("the compiled-in defaults are charts/millrace/values.yaml")
  func defaults() throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("charts/millrace/values.yaml").path
    let file = try String(contentsOfFile: path, encoding: .utf8)
    #expect(
      DefaultValues.yaml.trimmingCharacters(in: .whitespacesAndNewlines)
        == file.trimmingCharacters(in: .whitespacesAndNewlines), "run `make generate`")
  }

  @Test("one key, four spellings; flags win over environment, environment over file")
  func spellings() throws {
    #expect(SettingsTable.environmentName("kafka.pollIntervalMax") == "KAFKA_POLL_INTERVAL_MAX")
    #expect(SettingsTable.flagName("kafka.clientID") == "--kafka-client-id")
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("settings-\(getpid()).yaml").path
    try "retrieve:\n  topK: 7\n  wait: 1s\ningest:\n  chunkTokens: 100\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    let settings = try Settings(
      SettingsTable(
        file: file, environment: ["RETRIEVE_TOP_K": "8", "RETRIEVE_WAIT": "2s"],
        flags: ["--retrieve-top-k": "9"]))
    #expect(settings.retrieve.topK == 9)
    #expect(settings.retrieve.wait == .seconds(2))
    #expect(settings.ingest.chunkTokens == 100)
  }

  @Test(
    "a bad value names key, value and rule",
    arguments: [
      ("--retrieve-top-k", "0", "retrieve.topK"), ("--freshness-stale-after", "1", "freshness.staleAfter"),
      ("--log-level", "loud", "log.level"), ("--ingest-overlap-tokens", "256", "ingest.overlapTokens"),
      ("--kafka-bootstrap-servers", "host", "kafka.bootstrapServers"),
    ])
  func badValues(_ flag: String, _ value: String, _ key: String) {
    #expect { try Settings(SettingsTable(flags: [flag: value])) } throws: { error in
      guard let error = error as? SettingsError else { return false }
      return error.key == key && error.value == value && !error.rule.isEmpty
    }
  }

  @Test("an unknown key in a file is refused")
  func unknownKey() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("bad-\(getpid()).yaml").path
    try "kafka:\n  topicprefix: x\n".write(toFile: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    #expect(throws: SettingsError.self) { try SettingsTable(file: file) }
  }
}

@Suite struct CommandTests {
  private let tool = Command(
    "tool", abstract: "t", options: [.flag("--json", "j")],
    subcommands: [
      Command(
        "go", abstract: "g", options: [.option("--n", "N", "n"), .option("--p", "P", "p", repeating: true)]
      ) { _ in
        .success
      }
    ])

  @Test("options, flags and positionals in any order")
  func parsing() throws {
    guard
      case .run(_, let arguments) = try tool.parse([
        "go", "a", "--n=3", "--p", "x", "--json", "--p", "y", "--", "--z",
      ])
    else {
      Issue.record("no action")
      return
    }
    #expect(arguments.positionals == ["a", "--z"] && arguments.flag("--json"))
    let number = try arguments.integer("--n", in: 1...5)
    #expect(number == 3)
    #expect(arguments.allValues("--p") == ["x", "y"])
    #expect(throws: UsageError.self) { try arguments.integer("--n", in: 4...5) }
  }

  @Test(
    "mistakes are named",
    arguments: [["x"], ["go", "--q"], ["go", "--n"], ["go", "--json=1"], ["go", "--n", "1", "--n", "2"]])
  func mistakes(_ words: [String]) {
    #expect(throws: UsageError.self) { try tool.parse(words) }
  }

  @Test("--help lists what there is")
  func help() throws {
    guard case .help(let text) = try tool.parse(["go", "--help"]) else {
      Issue.record("no help")
      return
    }
    #expect(text.contains("--n N") && text.contains("--json"))
  }
}

@Suite struct FreshnessTests {
  @Test("newer indexed and deleted fence, an accepted deletion fences, an accepted put does not")
  func fences() {
    let table = FreshnessTable()
    let key = DocumentKey(tenant: .standard, id: DocumentID("d")!)
    func version(_ offset: Int64) -> Version { Version(epoch: 1, offset: offset) }
    table.apply(StatusRecord(key, version(5), .put, .indexed), atMilliseconds: 1)
    #expect(!table.isStale(key, version(5)) && table.isStale(key, version(4)))
    table.apply(StatusRecord(key, version(6), .put, .accepted), atMilliseconds: 2)
    table.apply(StatusRecord(key, version(7), .put, .failed), atMilliseconds: 2)
    #expect(!table.isStale(key, version(5)))
    table.apply(StatusRecord(key, version(8), .delete, .accepted), atMilliseconds: 3)
    #expect(table.isStale(key, version(5)))
    table.apply(StatusRecord(key, version(5), .put, .indexed), atMilliseconds: 4)
    #expect(table.isStale(key, version(5)), "a repeat of an old event takes nothing back")
    table.prune(before: 10)
    #expect(!table.isStale(key, version(5)))
  }
}

@Suite struct FlatIndexTests {
  private func row(
    _ id: String, _ chunk: UInt32, _ vector: [Float], tenant: String = "a", acl: [String]? = nil
  ) -> IndexRow {
    var info = DocumentInfo(
      key: DocumentKey(tenant: TenantID(tenant)!, id: DocumentID(id)!), version: Version(epoch: 1, offset: 1))
    info.acl = acl
    info.metadata = ["lang": .string(id.hasPrefix("e") ? "en" : "de")]
    if id == "gone" { info.expiresAtMilliseconds = 100 }
    var content = Chunk()
    content.number = chunk
    return IndexRow(
      document: info, set: SetID(version: info.version, digest: [1]), chunk: content, vector: vector)
  }

  private func ids(_ index: FlatIndex, _ query: IndexQuery) -> [String] {
    var index = index
    return index.search([query])[0].map { "\($0.document.key.id)#\($0.chunk.number)" }
  }

  @Test("tenant, ACL, filter and expiry are applied before the top-k; ties go by id, then chunk")
  func visibility() {
    var index = FlatIndex(dimension: 2)
    index.insert([
      row("secret", 0, [1, 0], acl: ["boss"]), row("nobody", 0, [1, 0], acl: []), row("gone", 0, [1, 0]),
      row("other", 0, [1, 0], tenant: "b"), row("e2", 1, [0.5, 0]), row("e2", 0, [0.5, 0]),
      row("d1", 3, [0.5, 0]),
    ])
    let tenant = TenantID("a")!
    #expect(
      ids(index, IndexQuery(tenant: tenant, vector: [1, 0], depth: 2, nowMilliseconds: 200)) == [
        "d1#3", "e2#0",
      ])
    #expect(
      ids(
        index,
        IndexQuery(tenant: tenant, principals: ["boss"], vector: [1, 0], depth: 1, nowMilliseconds: 200))
        == ["secret#0"])
    #expect(
      ids(
        index,
        IndexQuery(
          tenant: tenant, filter: ["lang": [.string("en")]], vector: [1, 0], depth: 9, nowMilliseconds: 200))
        == ["e2#0", "e2#1"])
    #expect(
      ids(index, IndexQuery(tenant: tenant, vector: [1, 0], depth: 1, nowMilliseconds: 50)) == ["gone#0"])
    #expect(ids(index, IndexQuery(tenant: TenantID("c")!, vector: [1, 0], depth: 9)).isEmpty)
  }

  @Test("equals a scalar scan after random inserts and removals")
  func againstScan() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SplitMix64(state: seed)
    var index = FlatIndex(dimension: 8)
    var live: [String: [IndexRow]] = [:]
    for step in 0..<3000 {
      let id = "d\(Int.random(in: 0..<400, using: &generator))"
      if let rows = live.removeValue(forKey: id) {
        index.remove(rows[0].document.key, set: rows[0].set)
      } else {
        let rows = (0..<UInt32.random(in: 1...4, using: &generator)).map { chunk in
          row(id, chunk, (0..<8).map { _ in Float.random(in: -1...1, using: &generator) })
        }
        live[id] = rows
        index.insert(rows)
      }
      guard step % 250 == 249 else { continue }
      let query = (0..<8).map { _ in Float.random(in: -1...1, using: &generator) }
      let expected = live.values.joined().map { row in
        (row, zip(row.vector, query).reduce(Float(0)) { $0 + $1.0 * $1.1 })
      }.sorted { $0.1 > $1.1 }
      let found = index.search([IndexQuery(tenant: TenantID("a")!, vector: query, depth: 10)])[0]
      #expect(found.count == min(10, expected.count), "seed \(seed)")
      for (hit, want) in zip(found, expected) { #expect(abs(hit.score - want.1) <= 1e-5, "seed \(seed)") }
      #expect(index.rowCount == expected.count)
    }
  }
}

struct SplitMix64: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

@Suite struct RetrievalTests {
  private func hit(_ id: String, _ chunk: UInt32, _ score: Float, _ range: Range<UInt64>, _ text: String)
    -> Hit
  {
    var content = Chunk()
    content.number = chunk
    content.text = text
    content.start = range.lowerBound
    content.end = range.upperBound
    content.tokenCount = 10
    let info = DocumentInfo(
      key: DocumentKey(tenant: .standard, id: DocumentID(id)!), version: Version(epoch: 1, offset: 1))
    return Hit(document: info, digest: [1], chunk: content, denseScore: score)
  }

  private func candidates(_ shard: UInt32, of count: UInt32, _ partitions: [Int32], _ hits: [Hit])
    -> CandidatesRecord
  {
    var record = CandidatesRecord(flight: QueryInFlight(query: QueryRecord(id: QueryID("q")!, text: "?")))
    record.shard = shard
    record.shardCount = count
    record.partitions = partitions
    record.partitionTotal = 4
    record.dense = hits
    return record
  }

  @Test("a round is complete when the partitions are covered; a repeated shard counts once")
  func gathering() {
    var gathering = Gathering()
    gathering.add(candidates(0, of: 2, [0, 2], []))
    gathering.add(candidates(0, of: 2, [0, 2], []))
    #expect(!gathering.isComplete && gathering.shardsAnswered == 1 && gathering.shardsTotal == 2)
    gathering.add(candidates(1, of: 2, [1, 3], []))
    #expect(gathering.isComplete && gathering.shardsAnswered == 2)
  }

  /// A round of two shards, whose candidates come one after the other.
  private func gather(
    _ rounds: Rounds, _ shard: UInt32, of count: UInt32 = 2, limit: Duration = .seconds(60),
    finish: @escaping @Sendable (Rounds.Round) async throws -> Void
  ) async throws {
    try await rounds.gather(
      candidates(shard, of: count, count == 2 ? [Int32(shard), Int32(shard) + 2] : [Int32(shard)], []),
      at: RecordPosition(topic: "c", partition: 0, offset: Int64(shard)), wait: 0, headers: [], now: 0,
      limit: limit, finish: finish)
  }

  /// What the records of a round did.
  private final class Log: Sendable {
    let finished = Mutex<[Int]>([])
    let returned = Mutex<Set<UInt32>>([])
    let failures = Mutex(0)
    func finish(_ round: Rounds.Round) -> Int {
      finished.withLock {
        $0.append(round.positions.count)
        return $0.count
      }
    }
  }

  @Test("no record of a round counts as done before the round's output is; a late one opens no second round")
  func roundIsDoneTogether() async throws {
    let rounds = Rounds()
    let log = Log()
    let (begun, begin) = AsyncStream.makeStream(of: Void.self)
    let (acknowledged, acknowledge) = AsyncStream.makeStream(of: Void.self)
    try await withThrowingDiscardingTaskGroup { group in
      func add(_ shard: UInt32) {
        group.addTask {
          try await self.gather(rounds, shard) { round in
            _ = log.finish(round)
            begin.finish()
            for await _ in acknowledged {}
          }
          log.returned.withLock { _ = $0.insert(shard) }
        }
      }
      add(0)
      add(1)
      for await _ in begun {}
      add(1)
      try await Task.sleep(for: .milliseconds(100))
      #expect(log.returned.withLock { $0 } == [], "nothing is acknowledged yet")
      acknowledge.finish()
    }
    #expect(log.finished.withLock { $0 } == [2], "once, for both")
    #expect(log.returned.withLock { $0 } == [0, 1])
    try await gather(rounds, 0) { _ in Issue.record("finished long ago") }
  }

  @Test("a round that could not be finished is finished by another record of it, or by the same one again")
  func roundIsTriedAgain() async throws {
    struct Refused: Error {}
    let rounds = Rounds()
    let log = Log()
    await withDiscardingTaskGroup { group in
      for shard in [UInt32(0), 1] {
        group.addTask {
          do {
            try await self.gather(rounds, shard) { if log.finish($0) == 1 { throw Refused() } }
          } catch {
            log.failures.withLock { $0 += 1 }
          }
        }
      }
    }
    #expect(log.finished.withLock { $0 } == [2, 2])
    #expect(log.failures.withLock { $0 } == 1)
    try await gather(rounds, 1) { _ in Issue.record("finished by the other") }
  }

  @Test("a round that was left is begun anew by all of it: none finishes with a part of what is here")
  func roundIsBegunAnew() async throws {
    // The one that leaves it is back at once, or a little later.
    for delay in [0, 1, 20] {
      let rounds = Rounds()
      let log = Log()
      try await withThrowingDiscardingTaskGroup { group in
        for shard in [UInt32(0), 1, 2] {
          group.addTask {
            while true {
              do {
                return try await self.gather(rounds, shard, of: 4, limit: .seconds(1)) {
                  if log.finish($0) == 1 { throw Rounds.Left() }
                }
              } catch is Rounds.Left {
                try await Task.sleep(for: .milliseconds(delay))
              }
            }
          }
        }
      }
      #expect(log.finished.withLock { $0 } == [3, 3], "after \(delay) ms")
    }
  }

  @Test("a round that was left keeps nothing of what it had")
  func roundIsDropped() async throws {
    let rounds = Rounds()
    let log = Log()
    await #expect(throws: Rounds.Left.self) {
      try await gather(rounds, 0, of: 3, limit: .milliseconds(10)) { _ in throw Rounds.Left() }
    }
    try await gather(rounds, 1, of: 3, limit: .milliseconds(10)) { _ = log.finish($0) }
    #expect(log.finished.withLock { $0 } == [1], "nothing of another owner's record")
  }

  @Test("a process that stops answers nothing for shards that are on their way")
  func roundIsLeft() async throws {
    let rounds = Rounds()
    await #expect(throws: CancellationError.self) {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await self.gather(rounds, 0) { _ in Issue.record("one shard of two") } }
        // Cancelled while it waits, not before.
        try await Task.sleep(for: .milliseconds(200))
        group.cancelAll()
        try await group.waitForAll()
      }
    }
    let log = Log()
    try await gather(rounds, 0, limit: .milliseconds(10)) { _ = log.finish($0) }
    #expect(log.finished.withLock { $0 } == [1], "the wait for others is over")
  }

  @Test("fusion of dense lists is the order of scores over all shards")
  func fusion() {
    let a = candidates(0, of: 2, [0], [hit("x", 0, 0.9, 0..<1, "a"), hit("z", 0, 0.5, 0..<1, "a")])
    let b = candidates(1, of: 2, [1], [hit("y", 1, 0.7, 0..<1, "a"), hit("y", 0, 0.5, 0..<1, "a")])
    #expect(
      Fusion.fuse([a, b], count: 3).map { "\($0.document.key.id)\($0.chunk.number)" } == ["x0", "y1", "y0"])
  }

  @Test("adjacent chunks merge, with and without overlap, and offsets stay the document's")
  func merging() {
    let text = "First one here. Second one. Third."
    let items = ContextAssembly.assemble(
      [
        hit("d", 1, 0.9, 10..<27, "here. Second one."), hit("d", 0, 0.5, 0..<15, "First one here."),
        hit("d", 2, 0.4, 28..<34, "Third."), hit("e", 0, 0.8, 0..<3, "Eee"),
      ], tokenBudget: 100)
    #expect(items.count == 2)
    #expect(items[0].text.replacing("\n", with: " ") == text && items[0].start == 0 && items[0].end == 34)
    #expect(items[0].firstChunk == 0 && items[0].lastChunk == 2 && items[0].score == 0.9)
  }

  @Test("the token budget keeps the best; the first always stays")
  func budget() {
    let hits = (0..<5).map { hit("d\($0)", 0, 1 - Float($0) / 10, 0..<1, "x") }
    #expect(ContextAssembly.assemble(hits, tokenBudget: 25).map(\.document.key.id.rawValue) == ["d0", "d1"])
    #expect(ContextAssembly.assemble(hits, tokenBudget: 1).count == 1)
  }
}

@Suite struct TelemetryTests {
  @Test("Prometheus text: counters end in _total, histograms are cumulative, labels are escaped")
  func prometheus() {
    let metrics = MetricsRegistry()
    metrics.increment(.deadLetters, [("stage", "a\"b"), ("reason", "r")])
    metrics.observe(.processDuration, seconds: 0.003, [("stage", "s")])
    metrics.observe(.processDuration, seconds: 100, [("stage", "s")])
    let text = PrometheusText.render(metrics.collect())
    #expect(text.contains(#"millrace_dead_letters_total{stage="a\"b",reason="r"} 1.0"#))
    #expect(text.contains(#"messaging_process_duration_seconds_bucket{stage="s",le="0.005"} 1"#))
    #expect(text.contains(#"messaging_process_duration_seconds_bucket{stage="s",le="+Inf"} 2"#))
    #expect(text.contains(#"messaging_process_duration_seconds_count{stage="s"} 2"#))
  }
}

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

  @Test("services stop in reverse order, each awaited", .timeLimit(.minutes(3)))
  func order() async throws {
    let journal = Journal()
    let (stop, continuation) = AsyncStream.makeStream(of: Void.self)
    continuation.yield()
    let group = ServiceGroup([Part("a", journal), Part("b", journal), Part("c", journal)], onStuck: { _ in })
    try await group.run(until: stop)
    #expect(await journal.lines == ["end c", "end b", "end a"])
  }

  /// Works on for `seconds` after it was told to stop, whether it is cancelled or not.
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
    "a long drain is cut short without an error; a service that never ends is told of",
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
