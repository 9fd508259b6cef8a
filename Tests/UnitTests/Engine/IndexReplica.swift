// swift-format-ignore-file: NeverForceUnwrap
import Catalog
import Engine
import Records
import Storage
import TestSupport
import Testing
import VectorMath

/// An engine that applies a history as the worker does. Its checkpoints and merges run synchronously.
struct IndexReplica {
  private let disk: any Disk
  let history: IndexHistory
  let engine: IndexEngine
  let faults: [StorageError]

  init(_ disk: any Disk, _ history: IndexHistory, tune: (inout IndexOptions) -> Void = { _ in })
    throws(StorageError)
  {
    var options = IndexOptions(model: "")
    options.headRowsMax = 8
    options.segmentPolicy = MergePolicy(fanout: 2, smallest: 4, largest: 1000)
    options.tablePolicy = MergePolicy(fanout: 2, smallest: 64, largest: 1 << 20)
    tune(&options)
    self.history = history
    self.disk = disk
    (engine, faults) = try IndexEngine.open(disk, options)
  }

  /// The next offset of the newest durable state.
  var storedPosition: Int {
    (try? Manifest(disk, number: engine.status.manifest)).flatMap { $0.partitions[0] }
      .map { Int($0.nextOffset) } ?? 0
  }

  var position: Int { Int(engine.partitions[0]?.nextOffset ?? 0) }

  func applyNext() throws(StorageError) {
    let offset = position
    let record = history.records[offset]
    if let batch = record.batch {
      _ = try engine.apply(record.key, batch, partition: 0)
    } else {
      try engine.forget(record.key)
    }
    engine.partitions[0, default: PartitionState()].apply(
      .init(offset: Int64(offset), timestampMilliseconds: Int64(offset) * 10), nextOffset: Int64(offset) + 1)
  }

  /// - Returns: false when the checkpoint could not begin, or failed.
  @discardableResult
  func checkpoint() -> Bool {
    guard let job = engine.beginCheckpoint(nowMilliseconds: 1) else { return false }
    let result = job.run()
    engine.finish(job, result)
    return result.error == nil
  }

  @discardableResult
  func merge(_ choice: MergeChoice = .due) -> Bool {
    guard let job = engine.beginMerge(nowMilliseconds: 1, choice) else { return false }
    let result = job.run(isCancelled: { false })
    engine.finish(result)
    return result.error == nil
  }

  /// The files that the manifests on the disk name.
  func neededFiles(_ disk: any Disk) throws -> Set<String> {
    try Manifest.numbers(disk).reduce(into: []) { $0.formUnion(try Manifest(disk, number: $1).files) }
  }

  /// Compares searches, counts and the digest with a brute force over the documents that must be visible.
  func check(_ random: inout SplitMix, _ comment: Comment) throws {
    let expected = history.expected(after: position)
    var digest = LiveDigest()
    for (key, document) in expected { digest.add(key, document.set.version, chunks: document.chunks.count) }
    #expect((engine.partitions[0] ?? PartitionState()).live == digest, comment)
    #expect(engine.visibleCount == expected.count, comment)
    #expect(engine.rowCount == expected.values.reduce(0) { $0 + $1.chunks.count }, comment)
    for tenant in ["a", "a-b"].map({ TenantID($0)! }) {
      let vector = (0..<IndexHistory.dimension).map { _ in Float.random(in: -1...1, using: &random) }
      let principals = Bool.random(using: &random) ? ["boss"] : []
      let depth = [3, 1000].randomElement(using: &random)!
      let query = IndexQuery(tenant: tenant, principals: principals, vector: vector, depth: depth)
      let found = try HybridSearch(engine.view, .standard).search([query], threads: 1)[0].matches
      let want = Self.bruteForce(expected.values, query)
      #expect(found.map { "\($0.score) \($0.chunk.text)" } == want, comment)
    }
    // The oracle analyses all texts anew, which takes long.
    if Int.random(in: 0..<8, using: &random) == 0 { try checkWords(Array(expected.values), &random, comment) }
  }

  /// Compares a search for words, and its statistics, with plain loops.
  private func checkWords(_ expected: [IndexedDocument], _ random: inout SplitMix, _ comment: Comment) throws
  {
    let question = "a/\(Int.random(in: 0..<9, using: &random)) \(Int.random(in: 0..<60, using: &random)) 1"
    let query = IndexQuery(
      tenant: TenantID("a")!, principals: ["boss"], vector: [], question: question, depth: 1000)
    let answer = try HybridSearch(engine.view, .standard).search([query], threads: 1)[0]
    let oracle = LexicalOracle(LexicalOracle.rows(expected), query)
    #expect(answer.statistics.chunks == UInt64(oracle.chunkCount), comment)
    for term in oracle.terms {
      #expect(answer.statistics.frequencies[term] == UInt64(oracle.frequency(term)), comment)
    }
    #expect(oracle.difference(from: answer) == nil, comment)
  }

  /// Checks that the stored tables of the catalog, the segments and the manifest agree.
  func verify(_ disk: any Disk, _ comment: Comment) throws {
    let newest = try #require(try Manifest.numbers(disk).first)
    let verification = try IndexVerification(disk, try Manifest(disk, number: newest))
    #expect(verification.problems.isEmpty && verification.missing.isEmpty, comment)
  }

  static func bruteForce(_ documents: some Sequence<IndexedDocument>, _ query: IndexQuery) -> [String] {
    var rows: [(score: Float, key: [UInt8], chunk: Chunk)] = []
    for document in documents where document.info.key.tenant == query.tenant {
      if let acl = document.info.acl, query.principals.isDisjoint(with: acl.map(Principal.init)) { continue }
      for (number, chunk) in document.chunks.enumerated() {
        let size = query.vector.count
        let vector = Array(document.vectors[number * size..<(number + 1) * size])
        rows.append((Panels.dot(vector, query.vector), document.info.key.bytes, chunk))
      }
    }
    rows.sort {
      if $0.score != $1.score { return $0.score > $1.score }
      if $0.key != $1.key { return $0.key.lexicographicallyPrecedes($1.key) }
      return $0.chunk.number < $1.chunk.number
    }
    return rows.prefix(query.depth).map { "\($0.score) \($0.chunk.text)" }
  }
}
