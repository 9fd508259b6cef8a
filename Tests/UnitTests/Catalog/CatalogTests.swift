// swift-format-ignore-file: NeverForceUnwrap
import Catalog
import Flat
import KafkaClient
import Records
import Testing

// Goal: the visible version is correct, and does not depend on the order of the records of rag.vectors. Method: the
// worst orders one by one, then random orders of a history.

private struct Replica {
  var catalog = DocumentCatalog()
  var index = FlatIndex(dimension: 2)

  mutating func apply(_ record: (VectorKey, VectorBatch)) {
    let change = catalog.apply(record.0, record.1)
    if let set = change.remove { index.remove(key, set: set) }
    index.insert(change.insert)
  }

  func shown() -> [String] {
    var index = index
    return index.search([IndexQuery(tenant: .standard, vector: [1, 0], depth: 10)])[0].map(\.chunk.text)
  }
}

@Suite struct CatalogTests {
  @Test("an incomplete set is never visible; all parts become visible in one step, replacing the old set")
  func oneStep() {
    var replica = Replica()
    replica.apply(part(1, digest: 1))
    replica.apply(part(2, digest: 5, 0, of: 2))
    #expect(replica.shown() == ["v1"])
    replica.apply(part(2, digest: 5, 1, of: 2))
    #expect(replica.shown() == ["v2", "v2"])
    #expect(replica.catalog.verdict(on: key, Version(epoch: 1, offset: 1)) == .superseded)
  }

  @Test("a late write of an old version, after its deletion, restores nothing")
  func lateWriter() {
    var replica = Replica()
    replica.apply(part(1, digest: 1))
    replica.apply(mark(2, .deleted))
    replica.apply(part(1, digest: 1))
    replica.apply(part(1, digest: 0))
    #expect(replica.shown().isEmpty)
    #expect(replica.catalog.verdict(on: key, Version(epoch: 1, offset: 2)) == .deleted)
    replica.apply(part(3, digest: 9))
    #expect(replica.shown() == ["v3"])
  }

  @Test("deleting a document that never existed results in deleted")
  func deleteNothing() {
    var replica = Replica()
    replica.apply(mark(7, .deleted))
    #expect(replica.catalog.verdict(on: key, Version(epoch: 1, offset: 7)) == .deleted)
  }

  @Test("failed and dropped marks hide no version, and a complete set takes precedence over them")
  func marks() {
    var replica = Replica()
    replica.apply(part(1, digest: 1))
    replica.apply(mark(2, .failed))
    #expect(replica.shown() == ["v1"])
    #expect(replica.catalog.verdict(on: key, Version(epoch: 1, offset: 2)) == .marked(.failed, nil))
    replica.apply(part(2, digest: 1))
    #expect(replica.shown() == ["v2"])
    #expect(replica.catalog.verdict(on: key, Version(epoch: 1, offset: 2)) == .visible(chunkCount: 1))
  }

  @Test("with two complete sets of one version, the lower digest wins; the keys of the other are dead")
  func twoDigests() {
    for order in [[3, 8], [8, 3]] as [[UInt8]] {
      var replica = Replica()
      for digest in order { replica.apply(part(4, digest: digest)) }
      #expect(replica.shown() == ["v4"])
      #expect(replica.catalog.deadKeys(of: key).map(\.set) == [.chunks(digest: "08")])
    }
  }

  @Test("keys of older versions are dead, except deletion marks")
  func deadKeys() {
    var replica = Replica()
    replica.apply(part(1, digest: 1))
    replica.apply(mark(2, .deleted))
    replica.apply(mark(3, .failed))
    replica.apply(part(4, digest: 1))
    let dead = replica.catalog.deadKeys(of: key)
    #expect(Set(dead.map(\.version.offset)) == [1, 3])
    for key in dead { replica.catalog.forget(key) }
    #expect(replica.catalog.deadKeys(of: key).isEmpty)
    #expect(replica.shown() == ["v4"])
  }

  @Test("random orders of a history result in the same state")
  func orders() {
    let history = [
      part(1, digest: 1), part(2, digest: 4, 0, of: 2), part(2, digest: 4, 1, of: 2), mark(3, .deleted),
      part(4, digest: 6), part(4, digest: 2), mark(5, .failed),
    ]
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let order = history.indices.shuffled(using: &generator)
      var replica = Replica()
      for index in order { replica.apply(history[index]) }
      #expect(replica.shown() == ["v4"], "order \(order)")
      #expect(replica.catalog.verdict(on: key, Version(epoch: 1, offset: 2)) == .superseded, "order \(order)")
    }
  }
}
