// swift-format-ignore-file: NeverForceUnwrap
import CommandLine
import Foundation
import Freshness
import Records
import Stage
import Testing

@Suite struct FreshnessTests {
  @Test("a newer indexed version or a newer accepted deletion makes a version stale")
  func fences() {
    let table = FreshnessTable()
    let key = DocumentKey(tenant: .standard, id: DocumentID("d")!)
    func version(_ offset: Int64) -> Version { Version(epoch: 1, offset: offset) }
    table.apply(StatusRecord(key, version(5), .put, .indexed), atMilliseconds: 1)
    #expect(!table.isStale(key, version(5)) && table.isStale(key, version(4)))
    table.apply(StatusRecord(key, version(6), .put, .accepted), atMilliseconds: 2)
    table.apply(StatusRecord(key, version(7), .put, .failed), atMilliseconds: 2)
    #expect(!table.isStale(key, version(5)))
    table.apply(StatusRecord(key, version(8), .delete, .accepted), atMilliseconds: 3)
    #expect(table.isStale(key, version(5)))
    table.apply(StatusRecord(key, version(5), .put, .indexed), atMilliseconds: 4)
    #expect(table.isStale(key, version(5)), "a repeated old event changes nothing")
    table.prune(before: 10)
    #expect(!table.isStale(key, version(5)))
  }
}
