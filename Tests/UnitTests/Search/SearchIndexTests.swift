// swift-format-ignore-file: NeverForceUnwrap
import Engine
import Foundation
import KafkaClient
import Records
import Storage
import Telemetry
import Testing
@testable import Search

// Goal: invalid and empty records of rag.vectors do not change the index. Method: single records through `SearchIndex`.

@Suite struct SearchIndexTests {
  private func record(_ key: VectorKey, _ batch: VectorBatch, at offset: Int64) -> ConsumerRecord {
    ConsumerRecord(
      position: RecordPosition(topic: "v", partition: 0, offset: offset), timestampMilliseconds: 1,
      key: key.bytes, value: batch.wireBytes)
  }

  private func index() -> SearchIndex {
    SearchIndex(IndexOptions(model: ""), metrics: MetricsRegistry(), logger: Logger(label: "test"))
  }

  @Test("a record whose key differs from its value in any part is refused")
  func mismatchedKey() async throws {
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
      try await index.apply([record(wrong, batch, at: 0)])
      #expect(await index.decision(0, 0) == nil, "\(wrong)")
    }
    try await index.apply([record(right, batch, at: 1)])
    #expect(await index.decision(0, 1)?.outcome == .visible(chunkCount: 1))
    await index.forgetDecisions(before: [0: 2])
    #expect(await index.decision(0, 1) == nil, "the reporters have committed it")
  }

  @Test("the number of documents that an older reader read is 0 after a rebuild")
  func outdatedAfterRebuild() async throws {
    let registry = MetricsRegistry()
    let index = SearchIndex(IndexOptions(model: ""), metrics: registry, logger: Logger(label: "test"))
    func outdated() -> [Double] {
      let families = registry.collect().filter { $0.metric.name == MetricName.indexOutdated.name }
      return families.flatMap { $0.samples.values.map(\.value) }
    }
    let (key, batch) = part(1, digest: 1)
    try await index.apply([record(key, batch, at: 0)])
    #expect(outdated() == [1], "a release that did not record its reader")
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("index-\(UUID().uuidString)")
      .path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await index.rebuild(try FolderDisk(folder), because: "test", code: "test")
    #expect(outdated() == [0])
  }

  @Test("an empty batch does not set the vector length")
  func emptyBatch() async throws {
    let index = index()
    var (_, empty) = part(1, digest: 1)
    empty.content = .vectors(chunks: [], dimension: 7, values: [])
    try await index.apply([record(empty.key, empty, at: 0)])
    let (right, batch) = part(2, digest: 1)
    try await index.apply([record(right, batch, at: 1)])
    let found = try await index.search([IndexQuery(tenant: .standard, vector: [1, 0], depth: 1)])
    #expect(found[0].matches.map(\.chunk.text) == ["v2"])
  }

  @Test(
    "a record of another model or a newer format counts as unread until its document has a newer version",
    arguments: ["model", "format"])
  func unread(_ difference: String) async throws {
    let index = index()
    var (right, batch) = part(5, digest: 1)
    if difference == "model" { batch.header.model = "other" } else { batch.header.format = 99 }
    try await index.apply([record(right, batch, at: 0)])
    #expect(await index.unreadReason?.contains(difference == "model" ? "model 'other'" : "newer") == true)
    #expect(try await index.isUnread(0, 0), "the reporter must not pass it")
    func behind(at offset: Int64) async -> Int64 {
      await index.advance(positions: [0: offset], ends: [0: offset])
      return index.behind.records
    }
    #expect(await behind(at: 1) == 1)
    (right, batch) = part(6, digest: 1)
    try await index.apply([record(right, batch, at: 1)])
    #expect(await index.unreadReason == nil)
    #expect(try await !index.isUnread(0, 0), "a newer version exists")
    #expect(
      try await index.deadKeys(of: right.document).map(\.version.offset) == [5], "the old key must not stay")
    #expect(await behind(at: 2) == 0)
    // Below the reporters' commits, no unread record is kept for the reporters.
    (right, batch) = part(7, digest: 1)
    batch.header.model = "other"
    await index.forgetDecisions(before: [0: 9])
    try await index.apply([record(right, batch, at: 8)])
    #expect(try await !index.isUnread(0, 8))
    #expect(await index.unreadReason != nil, "its text can't be found here")
    #expect(try await !index.holdsUnread())
    // A worker that can read the record has decided it, and has nulled its key.
    try await index.apply([
      ConsumerRecord(
        position: RecordPosition(topic: "v", partition: 0, offset: 9), timestampMilliseconds: 1,
        key: right.bytes,
        value: nil)
    ])
    #expect(await index.unreadReason == nil)
    #expect(try await index.apply([record(right, batch, at: 9)]) == false, "the log began again")
  }
}
