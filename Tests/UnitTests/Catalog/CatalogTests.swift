// swift-format-ignore-file: NeverForceUnwrap
import Catalog
import KafkaClient
import Records
import Testing

// Goal: the visible version is correct, and does not depend on the order of the records of rag.vectors. Method: the
// worst orders one by one, then random orders of a history.

private struct Replica {
  var catalog = DocumentCatalog()
  private var visible: IndexedDocument?

  /// The first decision on each version, by the offset that accepted the version. The reporter writes these.
  var decisions: [Int64: DocumentCatalog.Decision.Outcome] = [:]

  mutating func apply(_ record: (VectorKey, VectorBatch)) {
    let (change, decision) = catalog.apply(record.0, record.1)
    if let decision, decisions[decision.version.acceptedAt] == nil {
      decisions[decision.version.acceptedAt] = decision.outcome
    }
    if change.insert != nil || change.remove != nil { #expect(change.remove == visible?.set) }
    if change.remove != nil { visible = nil }
    if let document = change.insert { visible = document }
  }

  func shown() -> [String] { visible?.chunks.map(\.text) ?? [] }
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
    #expect(replica.decisions == [1: .visible(chunkCount: 1), 2: .visible(chunkCount: 2)])
  }

  @Test("a late write of an old version, after the deletion of its document, restores nothing")
  func lateWriter() {
    var replica = Replica()
    replica.apply(part(1, digest: 1))
    replica.apply(mark(2, .deleted))
    replica.apply(part(1, digest: 1))
    replica.apply(part(1, digest: 0))
    #expect(replica.shown().isEmpty)
    #expect(replica.decisions[2] == .deleted)
    replica.apply(part(3, digest: 9))
    #expect(replica.shown() == ["v3"])
  }

  @Test("deleting a document that never existed results in the state deleted")
  func deleteNothing() {
    var replica = Replica()
    replica.apply(mark(7, .deleted))
    #expect(replica.decisions == [7: .deleted])
  }

  @Test("if a version has a mark and a complete set, the first in the log holds; the other's keys are dead")
  func marks() {
    var replica = Replica()
    replica.apply(part(1, digest: 1))
    replica.apply(mark(2, .failed))
    #expect(replica.shown() == ["v1"], "a failed version hides no older one")
    replica.apply(part(2, digest: 1))
    #expect(replica.shown() == ["v1"], "its state is failed, so it must not become visible")
    #expect(replica.decisions[2] == .failed(nil))
    #expect(replica.catalog.deadKeys(of: key).map(\.set) == [.chunks(digest: "01")])
    replica.apply(part(3, digest: 1, 0, of: 2))
    replica.apply(mark(3, .dropped))
    replica.apply(part(3, digest: 1, 1, of: 2))
    #expect(
      replica.shown() == ["v1"] && replica.decisions[3] == .superseded,
      "the set was not complete before the mark")
    replica.apply(part(4, digest: 1))
    replica.apply(mark(4, .failed))
    #expect(replica.shown() == ["v4"] && replica.decisions[4] == .visible(chunkCount: 1))
    #expect(replica.catalog.deadKeys(of: key).contains { $0.version.offset == 4 && $0.set == .mark(.failed) })
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
      // A replay makes the same decisions, also if records are repeated.
      var replay = Replica()
      for (number, index) in order.enumerated() {
        replay.apply(history[index])
        if let earlier = order[...number].randomElement(using: &generator) { replay.apply(history[earlier]) }
      }
      #expect(replay.shown() == ["v4"] && replay.decisions == replica.decisions, "order \(order)")
    }
  }

  @Test("a new reading of a record ranks just above that record, in any order; a failed one hides nothing")
  func readAgain() {
    // Accepted in the order 1, 2 (1 again), 3, 4 (3 again), 5 (1 again, late), 6 (3 again, which fails).
    let history = [
      part(1, digest: 1), part(1, digest: 2, reading: 2), part(3, digest: 4, 0, of: 2),
      part(3, digest: 4, 1, of: 2), part(3, digest: 3, reading: 4), part(1, digest: 0, reading: 5),
      mark(3, .failed, reading: 6),
    ]
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      var replica = Replica()
      let order = history.shuffled(using: &generator)
      for record in order { replica.apply(record) }
      #expect(replica.shown() == ["v3.4"], "order \(order.map(\.0.description))")
      #expect(replica.decisions[6] == .failed(nil))
      replica.apply(mark(7, .deleted))
      replica.apply(part(3, digest: 0, reading: 8))
      #expect(replica.shown().isEmpty && replica.decisions[8] == .superseded)
    }
  }

  @Test("visible documents are counted by their reader version")
  func readers() {
    var catalog = DocumentCatalog()
    func apply(_ record: (VectorKey, VectorBatch)) { _ = catalog.apply(record.0, record.1) }
    let (old, new) = (ReaderVersion(format: .pdf, number: 0), ReaderVersion.current(.pdf))
    #expect(old.isOlder && !new.isOlder)
    apply(part(1, digest: 1))
    #expect(catalog.visibleByReader == [nil: 1])
    apply(part(1, digest: 1, reading: 2, reader: old))
    #expect(catalog.visibleByReader[old] == 1 && catalog.visibleByReader[nil] == 0)
    apply(part(1, digest: 1, reading: 3, reader: new))
    apply(part(1, digest: 1, reader: old))
    #expect(catalog.visibleByReader[old] == 0 && catalog.visibleByReader[new] == 1)
    apply(mark(4, .failed))
    #expect(catalog.failedVersions == [key: Version(epoch: 1, offset: 4)])
    apply(mark(5, .deleted))
    #expect(catalog.visibleByReader[new] == 0 && catalog.failedVersions.isEmpty)
  }

  @Test("the count of visible documents follows puts and deletions")
  func counted() {
    var replica = Replica()
    for offset in 1...3 as ClosedRange<Int64> { replica.apply(part(offset, digest: 1)) }
    #expect(replica.catalog.visibleCount == 1)
    replica.apply(mark(4, .deleted))
    #expect(replica.catalog.visibleCount == 0)
  }
}
