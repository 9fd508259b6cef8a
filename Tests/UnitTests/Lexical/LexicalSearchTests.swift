// swift-format-ignore-file: NeverForceUnwrap
import Analysis
import Catalog
import Engine
import Foundation
import Records
import Retrieval
import Storage
import TestSupport
import Testing

// Goal: a search for words finds exactly the best of the tenant's live chunks by BM25, wherever they are stored and
// however many shards hold them. Method: random texts whose words have natural frequencies, put, replaced, expiring,
// sealed and merged at random, compared with BM25 in plain loops.

@Suite struct LexicalSearchTests {
  private struct Shard {
    var engine: IndexEngine
    var now: Int64 = 1

    func seal() {
      guard let job = engine.beginCheckpoint(nowMilliseconds: now) else { return }
      engine.finish(job, job.run())
    }

    func merge(_ choice: MergeChoice = .due) {
      while let job = engine.beginMerge(nowMilliseconds: now, choice) {
        engine.finish(job.run(isCancelled: { false }))
        if choice != .due { return }
      }
    }
  }

  private static let words = (0..<400).map { number in
    var rest = number
    var word = ""
    repeat {
      word += ["ka", "ro", "mi", "te", "lu", "so", "ni"][rest % 7]
      rest /= 7
    } while rest > 0
    return word + (number % 50 == 7 ? "-\(number)" : "")
  }

  private func text(_ count: Int, _ random: inout SplitMix) -> String {
    (0..<count).map { _ in
      // Word frequencies follow Zipf's law approximately.
      let rank = Int(exp(Double.random(in: 0..<log(400.0), using: &random)))
      return Self.words[min(rank, 399)]
    }.joined(separator: " ")
  }

  private func document(_ number: Int, _ offset: Int64, _ random: inout SplitMix) -> IndexedDocument {
    var info = DocumentInfo(
      key: DocumentKey(
        tenant: TenantID(number % 5 == 0 ? "b" : "a")!, id: DocumentID("d\(number)")!),
      version: Version(epoch: 1, offset: offset))
    if number % 7 == 0 { info.acl = ["p\(number % 3)"] }
    info.metadata = ["kind": .string(number % 2 == 0 ? "even" : "odd")]
    info.title = number % 3 == 0 ? text(3, &random) : ""
    info.language = ["en", "de", "fr"][number % 10 == 0 ? 1 : number % 11 == 0 ? 2 : 0]
    if number % 13 == 0 { info.expiresAtMilliseconds = Int64.random(in: 50...150, using: &random) }
    let chunks = (0..<Int.random(in: 1...4, using: &random)).map { index in
      var chunk = Chunk()
      chunk.number = UInt32(index)
      // Some chunks have the same text.
      chunk.text =
        Int.random(in: 0..<12, using: &random) == 0
        ? "Same text of kind \(Int.random(in: 0..<4, using: &random))"
        : text(Int.random(in: 3...60, using: &random), &random)
      if index == 1 { chunk.headingPath = [text(2, &random)] }
      if index == 2 { chunk.context = text(4, &random) }
      return chunk
    }
    let vectors = chunks.flatMap { _ in (0..<4).map { _ in Float.random(in: -0.5...0.5, using: &random) } }
    return IndexedDocument(
      info: info, set: SetID(version: info.version, digest: [1]), chunks: chunks, vectors: vectors)
  }

  private func put(_ document: IndexedDocument, _ shard: Shard) throws {
    var header = PartHeader(document: document.info)
    header.digest = [1]
    header.partCount = 1
    header.chunkCount = UInt32(document.chunks.count)
    let batch = VectorBatch(
      header: header, content: .vectors(chunks: document.chunks, dimension: 4, values: document.vectors))
    _ = try shard.engine.apply(batch.key, batch, partition: 0)
  }

  private func shard() throws -> Shard {
    var options = IndexOptions(model: "")
    options.segmentPolicy = MergePolicy(fanout: 2, smallest: 4, largest: 100_000)
    return Shard(engine: try IndexEngine(MemoryDisk(), options))
  }

  private func query(_ random: inout SplitMix, depth: Int, now: Int64) throws -> IndexQuery {
    let filter =
      Bool.random(using: &random)
      ? MetadataFilter.everything : MetadataFilter(equalities: ["kind": [.string("odd")]])
    return IndexQuery(
      tenant: TenantID(["a", "a", "b", "c"].randomElement(using: &random)!)!,
      principals: [[], ["p0"], ["p1", "p2"]].randomElement(using: &random)!, filter: filter,
      vector: (0..<4).map { _ in Float.random(in: -0.5...0.5, using: &random) },
      question: text(Int.random(in: 1...8, using: &random), &random), depth: depth, nowMilliseconds: now)
  }

  @Test("the best chunks by BM25 and the statistics equal those of plain loops over the live chunks")
  func exact() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    for _ in 0..<4 {
      var shard = try shard()
      var live: [Int: IndexedDocument] = [:]
      var found = 0
      for offset in 0..<700 {
        let number = Int.random(in: 0..<250, using: &random)
        let document = document(number, Int64(offset), &random)
        try put(document, shard)
        live[number] = document
        if Int.random(in: 0..<60, using: &random) == 0 { shard.seal() }
        if Int.random(in: 0..<150, using: &random) == 0 { shard.merge() }
        guard offset % 35 == 34 else { continue }
        // Time only moves forward: expired documents leave the index at a checkpoint, and don't come back.
        shard.now += Int64.random(in: 0...20, using: &random)
        let query = try query(&random, depth: [1, 10, 500].randomElement(using: &random)!, now: shard.now)
        let oracle = LexicalOracle(LexicalOracle.rows(live.values), query)
        let answer = try HybridSearch(shard.engine.view, .standard).search([query], threads: 1)[0]
        let comment: Comment = "seed \(seed), after \(offset)"
        #expect(answer.analysed.map(\.code) == oracle.languages, comment)
        #expect(answer.terms == oracle.terms, comment)
        // The identifiers of this vocabulary are the words that end with a hyphen and a number.
        #expect(answer.identifiers == Set(oracle.terms.filter { $0.contains("-") }), comment)
        #expect(answer.statistics.chunks == UInt64(oracle.chunkCount), comment)
        #expect(answer.statistics.length == UInt64(oracle.length * 100), comment)
        for term in oracle.terms {
          #expect(answer.statistics.frequencies[term] == UInt64(oracle.frequency(term)), "\(comment) \(term)")
        }
        #expect(oracle.difference(from: answer) == nil, comment)
        found += answer.lexical.count
      }
      // Twenty queries, some of them for one hit.
      #expect(found > 20)
    }
  }

  @Test("in large segments, where blocks are skipped, the best chunks are the same")
  func large() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    let shard = try shard()
    var documents: [IndexedDocument] = []
    for number in 0..<4000 {
      var document = document(number * 5 + 1, Int64(number), &random)
      document.info.expiresAtMilliseconds = 0
      document.info.acl = nil
      documents.append(document)
      try put(document, shard)
    }
    shard.seal()
    #expect(shard.engine.rowCount > 4096 * 2)
    let rows = LexicalOracle.rows(documents)
    for depth in [1, 10, 100] {
      for _ in 0..<4 {
        var query = try query(&random, depth: depth, now: 1)
        query.tenant = TenantID("a")!
        let oracle = LexicalOracle(rows, query)
        let answer = try HybridSearch(shard.engine.view, .standard).search([query], threads: 1)[0]
        #expect(oracle.difference(from: answer) == nil, "seed \(seed), \(query.question)")
      }
    }
  }

  @Test("two or four shards give the result of one, with a second round if a list may lack a chunk")
  func shards() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    let documents = (0..<500).map { number -> IndexedDocument in
      var document = document(number * 5 + 1, Int64(number), &random)
      // The documents have two languages, and so different stems.
      document.info.language = number % 4 == 0 ? "de" : "en"
      return document
    }
    let whole = try shard()
    for document in documents { try put(document, whole) }
    var turns = 0
    for count in [2, 4] {
      let shards = try (0..<count).map { _ in try shard() }
      for document in documents {
        // Longer documents gather in some shards.
        try put(document, shards[(document.chunks.count + document.chunks[0].text.utf8.count / 90) % count])
      }
      shards[0].seal()
      for _ in 0..<150 {
        let query = try query(&random, depth: 5, now: 1)
        for mode in [QueryRecord.SearchMode.hybrid, .lexical] {
          let fusion = Fusion(rule: .convex(denseShare: 0.6, identifierShare: 0.2), mode: mode, depth: 5)
          func candidates(_ shards: [Shard], _ shared: SharedStatistics?) throws -> [CandidatesRecord] {
            try shards.enumerated().map { number, shard in
              var query = query
              query.statistics = shared?.statistics
              query.languages = shared.map { $0.languages.map { Language($0) } }
              return try record(shard, query, UInt32(number), UInt32(shards.count))
            }
          }
          let expected = fusion.fuse(try candidates([whole], nil), count: 5)
          var result = fusion.fuse(try candidates(shards, nil), count: 5)
          if let missing = result.missing {
            turns += 1
            result = fusion.fuse(try candidates(shards, missing), count: 5)
            #expect(result.missing == nil, "seed \(seed): one more round is enough")
          }
          func shown(_ result: Fusion.Result) -> [String] {
            result.hits.map {
              "\($0.hit.document.key.id)#\($0.hit.chunk.number) \($0.score) \($0.denseRank ?? 0) \($0.lexicalRank ?? 0)"
            }
          }
          #expect(shown(result) == shown(expected), "seed \(seed), \(count) shards, \(query.question)")
        }
      }
    }
    #expect(turns > 0, "seed \(seed)")
  }

  private func record(_ shard: Shard, _ query: IndexQuery, _ number: UInt32, _ count: UInt32) throws
    -> CandidatesRecord
  {
    let answer = try HybridSearch(shard.engine.view, .standard).search([query], threads: 1)[0]
    var record = CandidatesRecord(
      flight: QueryInFlight(query: QueryRecord(id: QueryID("q")!, text: query.question)))
    (record.shard, record.shardCount) = (number, count)
    record.add(answer, isShared: query.statistics != nil)
    return try CandidatesRecord(wireBytes: record.wireBytes)
  }

  @Test("copies of a text count once and are listed; a copy that the asker may not read is never listed")
  func copies() throws {
    let shard = try shard()
    func put(_ id: String, _ text: String, acl: [String]? = nil) throws {
      var info = DocumentInfo(
        key: DocumentKey(tenant: TenantID("a")!, id: DocumentID(id)!), version: Version(epoch: 1, offset: 1))
      info.acl = acl
      var chunk = Chunk()
      chunk.text = text
      try self.put(
        IndexedDocument(
          info: info, set: SetID(version: info.version, digest: [1]), chunks: [chunk], vectors: [1, 0, 0, 0]),
        shard)
    }
    for sealed in [false, true] {
      if !sealed {
        for number in 0..<30 { try put("copy-\(number)", "The port is  8080.") }
        try put("folded", "THE PORT IS 8080.")
        // Its ID comes first, so it would be among the copies that are listed.
        try put("a-secret", "The port is 8080.", acl: ["boss"])
        try put("another", "The port is 9090.")
      } else {
        shard.seal()
      }
      let query = IndexQuery(
        tenant: TenantID("a")!, vector: [1, 0, 0, 0], question: "port", depth: 2, nowMilliseconds: 1)
      let answer = try HybridSearch(shard.engine.view, .standard).search([query], threads: 1)[0]
      #expect(
        Set(answer.matches.map { $0.chunk.text.prefix(16).lowercased() }) == [
          "the port is  808", "the port is 9090",
        ]
          || Set(answer.matches.map(\.textHash)).count == 2, "\(answer.matches.map(\.chunk.text))")
      #expect(answer.dense.count == 2 && answer.lexical.count == 2)
      let first = answer.matches.first { $0.chunk.text.contains("8080") }!
      #expect(first.copies.count == IndexMatch.copiesMax)
      #expect(!answer.matches.flatMap(\.copies).contains { $0.document.key.id.rawValue == "a-secret" })
      #expect(!first.copies.contains { $0.document.key == first.document.key })
    }
  }
}
