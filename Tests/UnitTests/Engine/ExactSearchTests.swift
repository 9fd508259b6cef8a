// swift-format-ignore-file: NeverForceUnwrap
import Catalog
import Engine
import Foundation
import Records
import Storage
import TestSupport
import Testing
import VectorMath

// Goal: a search finds the rows that its asker may see, in the exact order, wherever they are stored. Method: the same
// documents in the head, in one segment and in several, with bf16 and fp32 panels and each instruction set, compared
// with scalar loops.

@Suite(.serialized) struct ExactSearchTests {
  private static let tenant = TenantID("a")!

  private func document(
    _ id: String, _ vectors: [[Float]], tenant: String = "a", acl: [String]? = nil, offset: Int64 = 1
  ) -> VectorBatch {
    var info = DocumentInfo(
      key: DocumentKey(tenant: TenantID(tenant)!, id: DocumentID(id)!),
      version: Version(epoch: 1, offset: offset))
    info.acl = acl
    info.metadata = ["lang": .string(id.hasPrefix("e") ? "en" : "de")]
    if id == "gone" { info.expiresAtMilliseconds = 100 }
    var header = PartHeader(document: info)
    header.digest = [1]
    header.partCount = 1
    header.chunkCount = UInt32(vectors.count)
    let chunks = vectors.indices.map { number in
      var chunk = Chunk()
      chunk.number = UInt32(number)
      chunk.text = "\(id) \(number)"
      return chunk
    }
    return VectorBatch(
      header: header,
      content: .vectors(chunks: chunks, dimension: vectors[0].count, values: vectors.flatMap { $0 }))
  }

  private enum Place: CaseIterable {
    case head, segment, segments, floats
  }

  private func index(_ documents: [VectorBatch], _ place: Place) throws -> IndexEngine {
    var options = IndexOptions(model: "")
    options.panels = place == .floats ? .fp32 : .bf16
    let engine = try IndexEngine(MemoryDisk(), options)
    for (number, batch) in documents.enumerated() {
      _ = try engine.apply(batch.key, batch, partition: 0)
      if place == .segments, number % (documents.count / 3 + 1) == 1 { seal(engine) }
    }
    if place == .segment || place == .floats { seal(engine) }
    return engine
  }

  private func seal(_ engine: IndexEngine) {
    guard let job = engine.beginCheckpoint(nowMilliseconds: 1) else { return }
    let result = job.run()
    #expect(result.error == nil)
    engine.finish(job, result)
  }

  private func ids(_ engine: IndexEngine, _ query: IndexQuery) throws -> [String] {
    try HybridSearch(engine.view, .standard).search([query], threads: 1)[0].matches.map {
      "\($0.document.key.id)#\($0.chunk.number)"
    }
  }

  @Test("tenant, ACL, filter and expiry are applied before the top-k; ties are ordered by id, then chunk")
  func visibility() throws {
    for place in Place.allCases {
      let engine = try index(
        [
          document("secret", [[1, 0]], acl: ["boss"]), document("nobody", [[1, 0]], acl: []),
          document("gone", [[1, 0]]), document("other", [[1, 0]], tenant: "b"),
          document("e2", [[0.5, 0], [0.5, 0]]), document("d1", [[0.1, 0], [0.5, 0]]),
        ], place)
      func query(_ depth: Int, principals: [String] = [], lang: String? = nil, now: Int64 = 200) -> IndexQuery
      {
        IndexQuery(
          tenant: Self.tenant, principals: principals,
          filter: MetadataFilter(equalities: lang.map { ["lang": [.string($0)]] } ?? [:]),
          vector: [1, 0], depth: depth, nowMilliseconds: now)
      }
      #expect(try ids(engine, query(2)) == ["d1#1", "e2#0"], "\(place)")
      #expect(try ids(engine, query(1, principals: ["boss"])) == ["secret#0"], "\(place)")
      #expect(try ids(engine, query(9, lang: "en")) == ["e2#0", "e2#1"], "\(place)")
      #expect(try ids(engine, query(1, now: 50)) == ["gone#0"], "\(place)")
      #expect(
        try ids(engine, IndexQuery(tenant: TenantID("c")!, vector: [1, 0], depth: 9)).isEmpty, "\(place)")
      #expect(
        try ids(engine, IndexQuery(tenant: Self.tenant, vector: [1, 0, 0], depth: 9)).isEmpty,
        "a vector of another length finds nothing")
    }
  }

  @Test("an ACL of a thousand names lets each of them, and nobody else, find the document")
  func longLists() throws {
    let names = (0..<1000).map { "group-\($0)" }
    for place in Place.allCases {
      let engine = try index(
        [
          document("long", [[Float]](repeating: [1, 0], count: 50), acl: names),
          document("short", [[0.5, 0]], acl: ["group-7"]), document("other", [[1, 0]], tenant: "b"),
        ], place)
      func found(_ principals: [String]) throws -> [String] {
        try ids(
          engine, IndexQuery(tenant: Self.tenant, principals: principals, vector: [1, 0], depth: 100))
      }
      #expect(try found(["group-999"]).count == 50)
      #expect(try found(["group-7"]).count == 51)
      #expect(try found(["group-7x", "Group-7", ""]).isEmpty)
      #expect(try found([]).isEmpty)
      // The query has more principals than the ACL has names.
      #expect(try found((0..<2000).map { "other-\($0)" } + ["group-7"]).count == 51)
    }
  }

  @Test("a query that the scan rounds to bf16 still finds the best row")
  func roundedQuery() throws {
    // bf16 holds these rows exactly. It rounds the query's first value down and the second up.
    let best: [Float] = [1, 0]
    let rival: [Float] = [0, 1.992_187_5]
    let query = IndexQuery(tenant: Self.tenant, vector: [1.0039, 0.501_955], depth: 1)
    let fillers = (0..<40).map { document("z\($0)", [[0, 0]]) }
    for place in Place.allCases {
      let engine = try index([document("a-rival", [rival]), document("best", [best])] + fillers, place)
      #expect(try ids(engine, query) == ["best#0"], "\(place), \(Panels.instructionSet)")
    }
  }

  @Test("the order is that of fp32, with any panels, instruction set, dimension, batch and thread count")
  func order() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    defer { _ = Panels.use(instructionSet: nil) }
    for dimension in [3, 48] {
      func vector() -> [Float] {
        let values = (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }
        let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return values.map { $0 / length }
      }
      // Near neighbours, which bf16 can't tell apart.
      let centre = vector()
      let documents = (0..<150).map { number in
        document(
          "d\(number)",
          (0..<Int.random(in: 1...9, using: &random)).map { _ in
            number % 3 == 0 ? centre.map { $0 + Float.random(in: -1e-4...1e-4, using: &random) } : vector()
          }, tenant: number % 7 == 0 ? "b" : "a")
      }
      let shown = documents.compactMap { batch -> IndexedDocument? in
        guard case .vectors(let chunks, _, let values) = batch.content else { return nil }
        let info = batch.header.document
        return IndexedDocument(
          info: info, set: SetID(version: info.version, digest: [1]), chunks: chunks, vectors: values)
      }
      let queries = (0..<20).map { number in
        IndexQuery(tenant: Self.tenant, vector: number % 2 == 0 ? centre : vector(), depth: 1 + number % 30)
      }
      let expected = queries.map { IndexReplica.bruteForce(shown, $0) }
      for place in Place.allCases {
        let engine = try index(documents, place)
        for set in 0...3 as ClosedRange<Int32> where Panels.use(instructionSet: set) {
          for (batch, threads) in [(1, 1), (5, 1), (8, 2), (20, 3)] {
            for start in stride(from: 0, to: 20, by: batch) {
              let part = start..<min(start + batch, 20)
              let found = try HybridSearch(engine.view, .standard).search(
                Array(queries[part]), threads: threads
              ).map(\.matches)
              #expect(
                found.map { $0.map { "\($0.score) \($0.chunk.text)" } } == Array(expected[part]),
                "seed \(seed), \(place), set \(set), \(dimension) values, batch \(batch), \(threads) threads")
            }
          }
        }
      }
    }
  }

  @Test("a vector with NaN or infinite values is never found, and does not affect the others")
  func notNumbers() throws {
    for place in Place.allCases {
      var documents = (0..<40).map { document("d\($0)", [[Float($0) / 40, 0]]) }
      documents[7] = document("d7", [[.nan, 0], [0.99, 0]])
      documents[9] = document("d9", [[.infinity, -.infinity]])
      let engine = try index(documents, place)
      let query = IndexQuery(tenant: Self.tenant, vector: [1, 0], depth: 2)
      #expect(try ids(engine, query) == ["d7#1", "d39#0"])
      #expect(
        try ids(engine, IndexQuery(tenant: Self.tenant, vector: [.nan, 0], depth: 2)).isEmpty,
        "a query with NaN finds nothing")
    }
  }

  @Test("a search on an older view is not affected by later writes, checkpoints and merges")
  func views() throws {
    let engine = try index((0..<100).map { document("d\($0)", [[1, Float($0) / 100]]) }, .segments)
    let query = IndexQuery(tenant: Self.tenant, vector: [0, 1], depth: 1000)
    let view = engine.view
    let before = try ids(engine, query)
    for number in 0..<100 {
      let batch = document("d\(number)", [[1, -1], [1, -1]], offset: 2)
      _ = try engine.apply(batch.key, batch, partition: 0)
    }
    seal(engine)
    if let job = engine.beginMerge(nowMilliseconds: 1, .allSegments) { engine.finish(job.run { false }) }
    seal(engine)
    let after = try ids(engine, query)
    #expect(before.count == 100 && after.count == 200)
    let found = try HybridSearch(view, .standard).search([query], threads: 1)[0].matches
    #expect(found.map { "\($0.document.key.id)#\($0.chunk.number)" } == before)
  }
}
