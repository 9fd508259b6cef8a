// swift-format-ignore-file: NeverForceUnwrap
import Engine
import Records
import Storage
import TestSupport
import Testing
import VectorMath

// Goal: whatever filter and principals a query has, it finds exactly the best rows of its tenant that it may read and
// that its filter allows. Method: random documents in the head and in segments, and random filters of all operators,
// each made together with a closure of the same meaning, compared with a scan of all documents.

@Suite struct FilterTests {
  private struct Document {
    var number: Int
    var tenant: String
    var acl: [String]?
    /// Nil where the document has no such field.
    var site: String?
    var year: Int?
    var tags: [String]
    var vector: [Float]

    var metadata: [String: MetadataValue] {
      var result: [String: MetadataValue] = ["tags": .list(tags.map(MetadataValue.string))]
      if let site { result["site"] = .string(site) }
      if let year { result["year"] = .number(ExactNumber("\(year)")!) }
      return result
    }
  }

  private typealias Condition = (json: String, holds: (Document) -> Bool)
  private static let sites = ["north", "south", "east"]

  private func document(_ number: Int, _ random: inout SplitMix) -> Document {
    func perhaps<T>(_ value: T) -> T? { Int.random(in: 0..<4, using: &random) == 0 ? nil : value }
    return Document(
      number: number, tenant: ["a", "b", "ab"].randomElement(using: &random)!,
      acl: [nil, [], ["p"], ["q"], ["p", "q"]].randomElement(using: &random)!,
      site: perhaps(Self.sites.randomElement(using: &random)!),
      year: perhaps(Int.random(in: 2000...2030, using: &random)),
      tags: (0..<Int.random(in: 0...3, using: &random)).map { _ in
        Self.sites.randomElement(using: &random)!
      },
      vector: (0..<6).map { _ in Float.random(in: -1...1, using: &random) })
  }

  private func condition(_ random: inout SplitMix, depth: Int) -> Condition {
    let site = Self.sites.randomElement(using: &random)!
    let (low, high) = (
      Int.random(in: 1998...2031, using: &random), Int.random(in: 1998...2031, using: &random)
    )
    switch Int.random(in: 0..<(depth > 0 ? 12 : 9), using: &random) {
    case 0: return (#"{"site":"\#(site)"}"#, { $0.site == site })
    case 1: return (#"{"site":{"$ne":"\#(site)"}}"#, { $0.site != site })
    case 2: return (#"{"site":{"$nin":["\#(site)","west"]}}"#, { $0.site != site })
    case 3:
      return (
        #"{"year":{"$gte":\#(low),"$lt":\#(high)}}"#, { $0.year.map { low <= $0 && $0 < high } ?? false }
      )
    case 4:
      return (
        #"{"year":{"$gt":\#(low),"$lte":\#(high)}}"#, { $0.year.map { low < $0 && $0 <= high } ?? false }
      )
    case 5: return (#"{"tags":"\#(site)"}"#, { $0.tags.contains(site) })
    case 6: return (#"{"tags":{"$ne":"\#(site)"}}"#, { !$0.tags.contains(site) })
    case 7: return (#"{"year":{"$exists":false}}"#, { $0.year == nil })
    case 8: return (#"{"year":{"$in":[\#(low),\#(high)]}}"#, { $0.year == low || $0.year == high })
    case 9:
      let inner = condition(&random, depth: depth - 1)
      return (#"{"$not":\#(inner.json)}"#, { !inner.holds($0) })
    case 10:
      let (a, b) = (condition(&random, depth: depth - 1), condition(&random, depth: depth - 1))
      return (#"{"$or":[\#(a.json),\#(b.json)]}"#, { a.holds($0) || b.holds($0) })
    default:
      let (a, b) = (condition(&random, depth: depth - 1), condition(&random, depth: depth - 1))
      return (#"{"$and":[\#(a.json),\#(b.json)]}"#, { a.holds($0) && b.holds($0) })
    }
  }

  private func engine(_ documents: [Document], _ random: inout SplitMix) throws -> IndexEngine {
    let engine = try IndexEngine(MemoryDisk(), IndexOptions(model: ""))
    for document in documents {
      var info = DocumentInfo(
        key: DocumentKey(tenant: TenantID(document.tenant)!, id: DocumentID("d\(document.number)")!),
        version: Version(epoch: 1, offset: 1))
      info.acl = document.acl
      info.metadata = document.metadata
      var header = PartHeader(document: info)
      header.digest = [1]
      header.partCount = 1
      header.chunkCount = 1
      var chunk = Chunk()
      chunk.text = "\(document.number)"
      let batch = VectorBatch(
        header: header, content: .vectors(chunks: [chunk], dimension: 6, values: document.vector))
      _ = try engine.apply(batch.key, batch, partition: 0)
      if Int.random(in: 0..<120, using: &random) == 0, let job = engine.beginCheckpoint(nowMilliseconds: 1) {
        engine.finish(job, job.run())
      }
    }
    return engine
  }

  @Test("queries with random filters and principals find exactly the best rows that they may")
  func random() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    let documents = (0..<600).map { document($0, &random) }
    let engine = try engine(documents, &random)
    var found = 0
    for _ in 0..<400 {
      let (tenant, principals) = (
        ["a", "b", "ab", "none"].randomElement(using: &random)!,
        [[], ["p"], ["q"], ["p", "q"], ["P"]].randomElement(using: &random)!
      )
      let condition = condition(&random, depth: 3)
      let vector = (0..<6).map { _ in Float.random(in: -1...1, using: &random) }
      let depth = Int.random(in: 1...30, using: &random)
      let query = IndexQuery(
        tenant: TenantID(tenant)!, principals: principals,
        filter: try MetadataFilter(json: JSONReader.read(Array(condition.json.utf8))), vector: vector,
        depth: depth)
      let expected = documents.filter { document in
        document.tenant == tenant && (document.acl.map { !Set($0).isDisjoint(with: principals) } ?? true)
          && condition.holds(document)
      }.sorted {
        let (a, b) = (Panels.dot($0.vector, vector), Panels.dot($1.vector, vector))
        return a != b ? a > b : "d\($0.number)" < "d\($1.number)"
      }.prefix(depth).map { "\($0.number)" }
      let result = try HybridSearch(engine.view, .standard).search([query], threads: 1)[0].matches.map(
        \.chunk.text)
      #expect(result == expected, "seed \(seed), \(condition.json), \(tenant), \(principals)")
      found += result.count
    }
    #expect(found > 400, "seed \(seed)")
  }
}
