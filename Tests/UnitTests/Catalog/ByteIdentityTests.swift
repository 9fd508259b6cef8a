// swift-format-ignore-file: NeverForceUnwrap
import Catalog
import Engine
import Storage
import KafkaClient
import Records
import Testing

// Goal: ids and principals are compared by bytes, not as text. Method: an é in two encodings.

@Suite struct ByteIdentityTests {
  /// An é as one scalar, and as two scalars: equal strings, different keys.
  private let composed = DocumentKey(tenant: .standard, id: DocumentID("caf\u{E9}")!)
  private let decomposed = DocumentKey(tenant: .standard, id: DocumentID("cafe\u{301}")!)

  @Test("ids with equal text but different bytes are two documents, independent of each other")
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
    let decision = catalog.apply(deletion.key, deletion).decision
    #expect(decision?.outcome == .deleted)
    #expect(catalog.visibleCount == 1, "only one document is deleted")
  }

  @Test("a principal with equal text but different bytes may not read the document")
  func principals() throws {
    let engine = try IndexEngine(MemoryDisk(), IndexOptions(model: ""))
    var (_, batch) = part(1, digest: 1)
    batch.header.document.acl = ["caf\u{E9}"]
    _ = try engine.apply(batch.key, batch, partition: 0)
    for (principal, count) in [("caf\u{E9}", 1), ("cafe\u{301}", 0)] {
      let query = IndexQuery(tenant: .standard, principals: [principal], vector: [1, 0], depth: 1)
      let found = try HybridSearch(engine.view, .standard).search([query], threads: 1)[0].matches
      #expect(found.count == count)
    }
  }
}
