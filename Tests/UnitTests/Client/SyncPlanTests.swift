// swift-format-ignore-file: NeverForceUnwrap
import Cryptography
import Records
import Testing

@testable import Client

// Goal: sync puts new and changed documents, deletes removed ones, and does not touch documents of another source.

@Suite struct SyncPlanTests {
  private let source = "/docs"

  private func document(_ id: String, _ text: String = "text") -> DocumentRecord {
    var document = DocumentRecord(id: DocumentID(id)!, content: .text(text))
    document.source = source
    return document
  }

  private func row(
    _ document: DocumentRecord, state: DocumentReader.State = .reached(.indexed), source: String? = nil,
    isDeletion: Bool = false
  ) -> DocumentReader.Row {
    DocumentReader.Row(
      key: document.key, version: Version(epoch: 1, offset: 7), state: state, chunks: 1,
      source: source ?? document.source, digest: isDeletion ? [] : SHA256.digest(document.json.bytes))
  }

  @Test("documents are divided into new, changed, unchanged and removed ones")
  func plan() {
    let plan = SyncPlan(
      wanted: [document("new"), document("changed", "after"), document("same")],
      rows: [row(document("changed", "before")), row(document("same")), row(document("removed"))],
      source: source)
    #expect(plan.new.map(\.id.rawValue) == ["new"])
    #expect(plan.changed.map(\.id.rawValue) == ["changed"])
    #expect(plan.unchangedCount == 1)
    #expect(plan.removed.map(\.id.rawValue) == ["removed"])
    #expect(plan.foreign.isEmpty)
    #expect(plan.summary == "1 new, 1 changed, 1 unchanged, 1 deleted")
  }

  @Test("an unchanged document is put again if it failed, not if it is in progress")
  func failed() {
    let plan = SyncPlan(
      wanted: [document("failed"), document("waiting")],
      rows: [
        row(document("failed"), state: .reached(.failed)), row(document("waiting"), state: .waiting),
      ], source: source)
    #expect(plan.changed.map(\.id.rawValue) == ["failed"] && plan.unchangedCount == 1)
  }

  @Test("a document of another source is foreign, one without a source is taken over, neither is deleted")
  func sources() {
    let plan = SyncPlan(
      wanted: [document("a"), document("b")],
      rows: [
        row(document("a"), source: "/other"), row(document("b", "older"), source: ""),
        row(document("c"), source: "/other"), row(document("d"), source: ""),
      ], source: source)
    #expect(plan.foreign.map(\.rawValue) == ["a"])
    #expect(plan.changed.map(\.id.rawValue) == ["b"])
    #expect(plan.removed.isEmpty)
  }

  @Test("a document whose deletion is in progress is not deleted again, and may be put again")
  func deletions() {
    let plan = SyncPlan(
      wanted: [document("back")],
      rows: [row(document("back"), isDeletion: true), row(document("gone"), isDeletion: true)],
      source: source)
    #expect(plan.changed.map(\.id.rawValue) == ["back"] && plan.removed.isEmpty)
  }
}
