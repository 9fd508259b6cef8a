// swift-format-ignore-file: NeverForceUnwrap
import CommandLine
import Foundation
import Records
import Retrieval
import Settings
import Stage
import Synchronization
import Testing

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
    return Hit(document: info, chunk: content, denseScore: score)
  }

  private func candidates(_ shard: UInt32, of count: UInt32, _ partitions: [Int32], _ hits: [Hit])
    -> CandidatesRecord
  {
    var record = CandidatesRecord(flight: QueryInFlight(query: QueryRecord(id: QueryID("q")!, text: "?")))
    record.shard = shard
    record.shardCount = count
    record.partitions = partitions
    record.partitionTotal = 4
    record.hits = hits
    record.dense = hits.indices.map { Int32($0) }
    return record
  }

  @Test("a round is complete when all partitions are covered; a repeated shard counts once")
  func gathering() {
    var gathering = Gathering()
    gathering.add(candidates(0, of: 2, [0, 2], []))
    gathering.add(candidates(0, of: 2, [0, 2], []))
    #expect(!gathering.isComplete && gathering.shardsAnswered == 1 && gathering.shardsTotal == 2)
    gathering.add(candidates(1, of: 2, [1, 3], []))
    #expect(gathering.isComplete && gathering.shardsAnswered == 2)
  }

  @Test("the query's token counts as missed until the shard that has its partition has answered")
  func missedToken() {
    var gathering = Gathering()
    for (shard, isMissed) in [(0, true), (1, false)] as [(UInt32, Bool)] {
      var record = candidates(shard, of: 2, shard == 0 ? [0, 2] : [1, 3], [])
      record.flight.query.after = VectorsToken(partition: 3, nextOffset: 7)
      gathering.add(record)
      #expect(gathering.behind.hasMissedToken == isMissed)
    }
    var rejected = candidates(1, of: 2, [], [])
    rejected.flight.query.after = VectorsToken(partition: 3, nextOffset: 7)
    gathering = Gathering()
    gathering.add(rejected)
    #expect(gathering.behind.hasMissedToken)
  }

  private struct Left: Error {}

  /// Adds one shard's candidates to a round of `count` shards. If this call gets the round, it finishes and settles it.
  private func gather(
    _ rounds: Rounds, _ shard: UInt32, of count: UInt32 = 2, limit: Duration = .seconds(60),
    finish: @escaping @Sendable (Rounds.Round) async throws -> Void
  ) async throws {
    let gathered = try await rounds.gather(
      candidates(shard, of: count, count == 2 ? [Int32(shard), Int32(shard) + 2] : [Int32(shard)], []),
      at: RecordPosition(topic: "c", partition: 0, offset: Int64(shard)), wait: 0, headers: [], limit: limit)
    guard let round = gathered else { return }
    do {
      try await finish(round)
    } catch {
      rounds.settle(round, isFinished: false)
      throw error
    }
    rounds.settle(round, isFinished: true)
  }

  /// The record count of each finished round, the shards whose call returned, and the number of failed calls.
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

  @Test("no record of a round is done before the round's output is; a late record opens no second round")
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
      #expect(log.returned.withLock { $0 } == [], "the output is not acknowledged yet")
      acknowledge.finish()
    }
    #expect(log.finished.withLock { $0 } == [2], "finished once, for both records")
    #expect(log.returned.withLock { $0 } == [0, 1])
  }

  @Test("a round that failed to finish starts again with all its records")
  func roundIsTriedAgain() async throws {
    struct Refused: Error {}
    let rounds = Rounds()
    let log = Log()
    await withDiscardingTaskGroup { group in
      for shard in [UInt32(0), 1] {
        group.addTask {
          while true {
            do {
              return try await self.gather(rounds, shard) { if log.finish($0) == 1 { throw Refused() } }
            } catch {
              log.failures.withLock { $0 += 1 }
            }
          }
        }
      }
    }
    #expect(log.finished.withLock { $0 } == [2, 2])
    #expect(log.failures.withLock { $0 } == 1)
  }

  @Test("a round that was left starts again with all its records, and is never finished with a part of them")
  func roundIsBegunAnew() async throws {
    // The record that leaves the round returns at once, or a little later.
    for delay in [0, 1, 20] {
      let rounds = Rounds()
      let log = Log()
      try await withThrowingDiscardingTaskGroup { group in
        for shard in [UInt32(0), 1, 2] {
          group.addTask {
            while true {
              do {
                return try await self.gather(rounds, shard, of: 4, limit: .seconds(2)) {
                  if log.finish($0) == 1 { throw Left() }
                }
              } catch is Left {
                try await Task.sleep(for: .milliseconds(delay))
              }
            }
          }
        }
      }
      #expect(log.finished.withLock { $0 } == [3, 3], "after \(delay) ms")
    }
  }

  @Test("a round that was left keeps no candidates")
  func roundIsDropped() async throws {
    let rounds = Rounds()
    let log = Log()
    await #expect(throws: Left.self) {
      try await gather(rounds, 0, of: 3, limit: .milliseconds(10)) { _ in throw Left() }
    }
    try await gather(rounds, 1, of: 3, limit: .milliseconds(10)) { _ = log.finish($0) }
    #expect(log.finished.withLock { $0 } == [1], "only this record")
  }

  @Test("a process that stops does not finish a round without its late shards")
  func roundIsLeft() async throws {
    let rounds = Rounds()
    await #expect(throws: CancellationError.self) {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await self.gather(rounds, 0) { _ in Issue.record("one shard of two") } }
        // Cancel while the record waits for the other shard, not before.
        try await Task.sleep(for: .milliseconds(200))
        group.cancelAll()
        try await group.waitForAll()
      }
    }
    let log = Log()
    try await gather(rounds, 0, limit: .milliseconds(10)) { _ = log.finish($0) }
    #expect(log.finished.withLock { $0 } == [1], "finished after the wait for other shards")
  }

  @Test("the fusion of dense lists orders the hits of all shards by score")
  func fusion() {
    let a = candidates(0, of: 2, [0], [hit("x", 0, 0.9, 0..<1, "a"), hit("z", 0, 0.5, 0..<1, "a")])
    let b = candidates(1, of: 2, [1], [hit("y", 1, 0.7, 0..<1, "a"), hit("y", 0, 0.5, 0..<1, "a")])
    #expect(
      Fusion(rule: .convex(denseShare: 0.6, identifierShare: 0.6), mode: .dense, depth: 10).fuse(
        [a, b], count: 3
      ).hits.map {
        "\($0.hit.document.key.id)\($0.hit.chunk.number)"
      } == ["x0", "y1", "y0"])
  }

  @Test("words count more if a text has an identifier of the query, and as usual if none has it")
  func identifiers() {
    // Document x has the nearer vector, y has the rare word.
    var found = candidates(0, of: 1, [0], [hit("x", 0, 0.9, 0..<1, "a"), hit("y", 0, 0.5, 0..<1, "b")])
    found.hits[1].postings = [.init(term: 0, frequency: 100)]
    found.hits[1].length = 100
    (found.dense, found.lexical) = ([0, 1], [1])
    func best(isIdentifier: Bool, documents: UInt64) -> String? {
      var words = LexicalCandidates()
      words.terms = [
        TermStatistics(
          term: "p-087", documentFrequency: documents, weighedFrequency: documents, isIdentifier: isIdentifier
        )
      ]
      (words.chunks, words.length) = (1000, 100_000)
      found.words = words
      return Fusion(rule: .convex(denseShare: 0.9, identifierShare: 0.2), mode: .hybrid, depth: 10)
        .fuse([found], count: 2).hits.first?.hit.document.key.id.rawValue
    }
    #expect(best(isIdentifier: false, documents: 1) == "x")
    #expect(best(isIdentifier: true, documents: 1) == "y")
    #expect(best(isIdentifier: true, documents: 0) == "x", "no text has the identifier")
  }

  private func fused(_ hits: [Hit]) -> [Fusion.Fused] {
    hits.map { Fusion.Fused(hit: $0, score: Double($0.denseScore)) }
  }

  @Test("adjacent chunks are merged, with and without overlap, and keep the document's offsets")
  func merging() {
    let text = "First one here. Second one. Third."
    let items = ContextAssembly.assemble(
      fused([
        hit("d", 1, 0.9, 10..<27, "here. Second one."), hit("d", 0, 0.5, 0..<15, "First one here."),
        hit("d", 2, 0.4, 28..<34, "Third."), hit("e", 0, 0.8, 0..<3, "Eee"),
      ]), tokenBudget: 100)
    #expect(items.count == 2)
    #expect(items[0].text.replacing("\n", with: " ") == text && items[0].start == 0 && items[0].end == 34)
    #expect(items[0].firstChunk == 0 && items[0].lastChunk == 2 && items[0].score == 0.9)
  }

  @Test("the token budget keeps the best hits, and always the first")
  func budget() {
    let hits = fused((0..<5).map { hit("d\($0)", 0, 1 - Float($0) / 10, 0..<1, "x") })
    #expect(ContextAssembly.assemble(hits, tokenBudget: 25).map(\.document.key.id.rawValue) == ["d0", "d1"])
    #expect(ContextAssembly.assemble(hits, tokenBudget: 1).count == 1)
  }
}
