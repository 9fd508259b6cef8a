// swift-format-ignore-file: NeverForceUnwrap
import CommandLine
import Foundation
import Catalog
import Flat
import Records
import Stage
import TestSupport
import Testing

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

  @Test("tenant, ACL, filter and expiry are applied before the top-k; ties are ordered by id, then chunk")
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

  @Test("search equals a scalar scan after random inserts and removals")
  func againstScan() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SplitMix(state: seed)
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

  @Test("a list of a thousand names opens a document's rows to each of them, and to nobody else")
  func longLists() {
    let names = (0..<1000).map { "group-\($0)" }
    var index = FlatIndex(dimension: 2)
    index.insert((0..<50).map { row("long", $0, [1, 0], acl: names) })
    index.insert([row("short", 0, [0.5, 0], acl: ["group-7"])])
    func found(_ principals: [String]) -> [String] {
      ids(index, IndexQuery(tenant: TenantID("a")!, principals: principals, vector: [1, 0], depth: 100))
    }
    #expect(found(["group-999"]).count == 50)
    #expect(found(["group-7"]).count == 51)
    #expect(found(["group-7x", "Group-7", ""]).isEmpty && found([]).isEmpty)
    // More principals than a list has names.
    #expect(found((0..<2000).map { "other-\($0)" } + ["group-7"]).count == 51)
  }
}
