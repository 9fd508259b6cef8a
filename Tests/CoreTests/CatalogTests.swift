// swift-format-ignore-file: NeverForceUnwrap
import Catalog
import Flat
import KafkaClient
import Records
import Telemetry
import Testing

@testable import Search

// Goal: whatever the order in which records of rag.vectors lie, the visible version is the same and the right one.
// Method: the worst interleavings by hand, then every order of a random history against a plain model.

private let key = DocumentKey(tenant: .standard, id: DocumentID("doc")!)

private func part(
  _ offset: Int64, digest: UInt8, _ part: UInt32 = 0, of count: UInt32 = 1, document: DocumentKey = key
) -> (VectorKey, VectorBatch) {
  var header = PartHeader(document: DocumentInfo(key: document, version: Version(epoch: 1, offset: offset)))
  header.digest = [digest]
  header.part = part
  header.partCount = count
  header.chunkCount = count
  var chunk = Chunk()
  chunk.number = part
  chunk.text = "v\(offset)"
  let batch = VectorBatch(header: header, content: .vectors(chunks: [chunk], dimension: 2, values: [1, 0]))
  return (batch.key, batch)
}

private func mark(_ offset: Int64, _ mark: Mark) -> (VectorKey, VectorBatch) {
  let header = PartHeader(document: DocumentInfo(key: key, version: Version(epoch: 1, offset: offset)))
  let batch = VectorBatch(
    header: header, content: .mark(mark, operation: mark == .deleted ? .delete : .put, error: nil))
  return (batch.key, batch)
}

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
  @Test("an incomplete set never shows; all parts show in one step and the former version leaves in it")
  func oneStep() {
    var replica = Replica()
    replica.apply(part(1, digest: 1))
    replica.apply(part(2, digest: 5, 0, of: 2))
    #expect(replica.shown() == ["v1"])
    replica.apply(part(2, digest: 5, 1, of: 2))
    #expect(replica.shown() == ["v2", "v2"])
    #expect(replica.catalog.verdict(on: key, Version(epoch: 1, offset: 1)) == .superseded)
  }

  @Test("a late writer of an old version, after its deletion, brings nothing back")
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

  @Test("deleting what never was ends deleted")
  func deleteNothing() {
    var replica = Replica()
    replica.apply(mark(7, .deleted))
    #expect(replica.catalog.verdict(on: key, Version(epoch: 1, offset: 7)) == .deleted)
  }

  @Test("failed and dropped marks fence nothing, and a complete set beats them")
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

  @Test(
    "of two complete sets of one version the lower digest wins, in either order; the other's keys are dead")
  func twoDigests() {
    for order in [[3, 8], [8, 3]] as [[UInt8]] {
      var replica = Replica()
      for digest in order { replica.apply(part(4, digest: digest)) }
      #expect(replica.shown() == ["v4"])
      #expect(replica.catalog.deadKeys(of: key).map(\.set) == [.chunks(digest: "08")])
    }
  }

  @Test("dead keys are those of older versions; deletion marks stay")
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

  @Test("every order of a history ends in the same state")
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

@Suite struct ByteIdentityTests {
  /// An é of one scalar, and of two: equal strings, different keys.
  private let composed = DocumentKey(tenant: .standard, id: DocumentID("caf\u{E9}")!)
  private let decomposed = DocumentKey(tenant: .standard, id: DocumentID("cafe\u{301}")!)

  @Test("ids that are equal text but other bytes are two documents: neither supersedes nor deletes the other")
  func twoDocuments() {
    #expect(composed != decomposed && composed.id.rawValue == decomposed.id.rawValue)
    var catalog = DocumentCatalog()
    for (index, document) in [composed, decomposed].enumerated() {
      let (key, batch) = part(Int64(index) + 1, digest: 1, document: document)
      _ = catalog.apply(key, batch)
    }
    #expect(catalog.visibleCount == 2)
    let header = PartHeader(document: DocumentInfo(key: decomposed, version: Version(epoch: 1, offset: 3)))
    let deletion = VectorBatch(header: header, content: .mark(.deleted, operation: .delete, error: nil))
    _ = catalog.apply(deletion.key, deletion)
    #expect(catalog.verdict(on: composed, Version(epoch: 1, offset: 1)) == .visible(chunkCount: 1))
    #expect(catalog.verdict(on: decomposed, Version(epoch: 1, offset: 3)) == .deleted)
  }

  @Test("a principal of equal text but other bytes may not read")
  func principals() {
    var index = FlatIndex(dimension: 2)
    var info = DocumentInfo(key: key, version: Version(epoch: 1, offset: 1))
    info.acl = ["caf\u{E9}"]
    let set = SetID(version: info.version, digest: [1])
    index.insert([IndexRow(document: info, set: set, chunk: Chunk(), vector: [1, 0])])
    for (principal, count) in [("caf\u{E9}", 1), ("cafe\u{301}", 0)] {
      let query = IndexQuery(tenant: .standard, principals: [principal], vector: [1, 0], depth: 1)
      let found = index.search([query])[0]
      #expect(found.count == count)
    }
  }
}

@Suite struct SearchIndexTests {
  private func record(_ key: VectorKey, _ batch: VectorBatch, at offset: Int64) -> ConsumerRecord {
    ConsumerRecord(
      position: RecordPosition(topic: "v", partition: 0, offset: offset), timestampMilliseconds: 1,
      key: key.bytes, value: batch.wireBytes)
  }

  private func index() -> SearchIndex {
    SearchIndex(model: "", metrics: MetricsRegistry(), logger: Logger(label: "test"))
  }

  @Test("a record whose key is not that of its value is refused, whatever differs")
  func mismatchedKey() async {
    let index = index()
    let (right, batch) = part(5, digest: 1)
    var other = right
    other.document = DocumentKey(tenant: .standard, id: DocumentID("other")!)
    var newer = right
    newer.version.offset = 6
    var mark = right
    mark.set = .mark(.deleted)
    var digest = right
    digest.set = .chunks(digest: "02")
    var second = right
    second.part = 1
    for wrong in [other, newer, mark, digest, second] {
      await index.apply([record(wrong, batch, at: 0)])
      #expect(await index.verdict(on: wrong.document, wrong.version) == .pending, "\(wrong)")
    }
    #expect(await index.verdict(on: key, right.version) == .pending)
    await index.apply([record(right, batch, at: 1)])
    #expect(await index.verdict(on: key, right.version) == .visible(chunkCount: 1))
  }

  @Test("a batch without chunks does not say how long vectors are")
  func emptyBatch() async {
    let index = index()
    var (_, empty) = part(1, digest: 1)
    empty.content = .vectors(chunks: [], dimension: 7, values: [])
    await index.apply([record(empty.key, empty, at: 0)])
    let (right, batch) = part(2, digest: 1)
    await index.apply([record(right, batch, at: 1)])
    let found = await index.search([IndexQuery(tenant: .standard, vector: [1, 0], depth: 1)])
    #expect(found[0].map(\.chunk.text) == ["v2"])
  }
}

@Suite struct VersionStatesTests {
  private func status(_ offset: Int64, _ state: DocumentState, _ operation: StatusRecord.Operation = .put)
    -> StatusRecord
  {
    StatusRecord(key, Version(epoch: 1, offset: offset), operation, state)
  }
  private func version(_ offset: Int64) -> Version { Version(epoch: 1, offset: offset) }

  @Test("an overtaken version stays open until it has a state; a repeated accepted opens nothing")
  func openAndFinished() {
    var states = VersionStates()
    for event in [status(1, .accepted), status(2, .accepted), status(3, .accepted), status(3, .indexed)] {
      states.apply(event)
    }
    #expect(states.open(key, below: version(3)).map(\.0) == [version(1), version(2)])
    #expect(!states.isFinished(key, version(1)) && states.isFinished(key, version(3)))
    states.apply(status(1, .superseded))
    states.apply(status(2, .failed))
    states.apply(status(1, .accepted))
    states.apply(status(3, .accepted))
    #expect(states.open(key, below: version(9)).isEmpty)
    #expect(states.isFinished(key, version(1)) && states.isFinished(key, version(2)))
  }

  @Test("a failed version above the visible one is finished; the next is not")
  func failedAbove() {
    var states = VersionStates()
    for event in [status(1, .accepted), status(1, .indexed), status(5, .accepted), status(5, .failed)] {
      states.apply(event)
    }
    #expect(states.isFinished(key, version(5)) && !states.isFinished(key, version(6)))
  }
}
