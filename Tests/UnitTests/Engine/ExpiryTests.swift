// swift-format-ignore-file: NeverForceUnwrap
import Engine
import Records
import Segments
import Storage
import Testing

// Goal: expired documents leave memory when a segment is sealed, and the disk when segments are merged, although nobody
// deletes them. Method: documents with expiry times, and checkpoints and merges at given times.

@Suite struct ExpiryTests {
  /// In milliseconds since 1970.
  private static let start: Int64 = 1_700_000_000_000

  private func engine(_ disk: any Disk, expiries: [Int64]) throws -> IndexEngine {
    let engine = try IndexEngine(disk, IndexOptions(model: ""))
    for (number, expiry) in expiries.enumerated() {
      var info = DocumentInfo(
        key: DocumentKey(tenant: .standard, id: DocumentID("d\(number)")!),
        version: Version(epoch: 1, offset: 1))
      info.expiresAtMilliseconds = expiry == 0 ? 0 : Self.start + expiry
      var header = PartHeader(document: info)
      header.digest = [1]
      header.partCount = 1
      header.chunkCount = 1
      var chunk = Chunk()
      chunk.text = "text \(number)"
      let batch = VectorBatch(
        header: header, content: .vectors(chunks: [chunk], dimension: 2, values: [1, 0]))
      _ = try engine.apply(batch.key, batch, partition: 0)
    }
    return engine
  }

  private func seal(_ engine: IndexEngine, now: Int64) throws {
    let job = try #require(engine.beginCheckpoint(nowMilliseconds: Self.start + now))
    let result = job.run()
    #expect(result.error == nil)
    engine.finish(job, result)
  }

  private func found(_ engine: IndexEngine, now: Int64) throws -> [String] {
    let query = IndexQuery(tenant: .standard, vector: [1, 0], depth: 10, nowMilliseconds: Self.start + now)
    return try HybridSearch(engine.view, .standard).search([query], threads: 1)[0].matches.map(\.chunk.text)
      .sorted()
  }

  @Test("expired documents are not sealed, and a merge leaves out those that have expired since")
  func leaves() throws {
    let disk = MemoryDisk()
    let engine = try engine(disk, expiries: [0, 100, 200, 1000])
    #expect(try found(engine, now: 50).count == 4)
    try seal(engine, now: 100)
    #expect(engine.status.segments.map(\.rows) == [3], "the document that expires at 100 is not sealed")
    #expect(try found(engine, now: 150) == ["text 0", "text 2", "text 3"])
    #expect(try found(engine, now: 300) == ["text 0", "text 3"], "also before a merge")
    let merge = try #require(
      engine.beginMerge(nowMilliseconds: Self.start + 300, .due), "a third of the segment has expired")
    engine.finish(merge.run { false })
    try seal(engine, now: 300)
    #expect(engine.status.segments.map(\.rows) == [2])
    #expect(engine.status.documents == 4, "the catalog still knows their versions")
    try seal(engine, now: 300)
    let reopened = try IndexEngine.open(disk, IndexOptions(model: ""))
    #expect(reopened.faults.isEmpty)
    #expect(try found(reopened.engine, now: 300) == ["text 0", "text 3"])
    let manifest = try Manifest(disk, number: try Manifest.numbers(disk)[0])
    #expect(try IndexVerification(disk, manifest).problems.isEmpty)
  }
}
