// swift-format-ignore-file: NeverForceUnwrap
import Catalog
import Records
import Testing
@testable import Search

// Goal: a version gets exactly one state, even if its partition is assigned anew while its state is decided or sent.
// Method: the possible orders of the steps of work and assignment.

@Suite struct OpenStatesTests {
  private let key = DocumentKey(tenant: .standard, id: DocumentID("page")!)
  private let states = OpenStates()

  private func version(_ offset: Int64) -> Version { Version(epoch: 1, offset: offset) }

  private func read(_ events: [(Int64, DocumentState)], from start: Int64 = 0) {
    for (index, event) in events.enumerated() {
      states.apply(StatusRecord(key, version(event.0), .put, event.1), 0, offset: start + Int64(index))
    }
  }

  private func begin(_ offset: Int64, table: Int?) -> [String]? {
    states.begin(
      DocumentCatalog.Decision(version: version(offset), outcome: .visible(chunkCount: 1)), key, 0,
      table: table ?? -1, token: VectorsToken(partition: 0, nextOffset: offset + 1)
    )?.map { "\($0.version?.offset ?? -1) \($0.state.rawValue)" }
  }

  @Test(
    "a decision for a replaced table is made anew, and its version does not count as one that has its state")
  func goneTable() {
    states.replace(with: [0: OpenVersions(start: 0)])
    read([(1, .accepted)])
    let table = states.table(of: 0, knowing: key, version(1))
    #expect(table != nil)
    states.clear()
    #expect(begin(1, table: table) == nil, "there is no table")
    states.replace(with: [0: OpenVersions(start: 0)])
    #expect(begin(1, table: table) == nil, "the new table was not read yet")
    #expect(states.table(of: 0, knowing: key, version(1)) == nil)
    read([(1, .accepted)])
    #expect(begin(1, table: states.table(of: 0, knowing: key, version(1))) == ["1 indexed"])
    let restarted = states.table(of: 0)
    states.restart(0)
    #expect(begin(1, table: restarted) == nil, "the topic was recreated")
  }

  @Test("a version whose state is being sent gets no other state, also from a new table")
  func closing() {
    states.replace(with: [0: OpenVersions(start: 0)])
    read([(1, .accepted), (2, .accepted), (3, .accepted)])
    #expect(begin(1, table: states.table(of: 0)) == ["1 indexed"])
    #expect(begin(1, table: states.table(of: 0)) == [], "its record is repeated")
    states.replace(with: [0: OpenVersions(start: 0)])
    read([(1, .accepted), (2, .accepted), (3, .accepted)])
    #expect(begin(2, table: states.table(of: 0)) == ["2 indexed"], "version 1 is not superseded")
    #expect(states.oldestOffset(of: 0) == 0, "version 1 counts as open for the next owner")
    states.end(key, version(1), 0, isAcknowledged: true)
    states.end(key, version(2), 0, isAcknowledged: false)
    #expect(states.oldestOffset(of: 0) == 1)
    #expect(begin(3, table: states.table(of: 0)) == ["3 indexed", "2 superseded"])
  }

  @Test("a state that is acknowledged while there is no table is known to the next table")
  func acknowledgedBetween() {
    states.replace(with: [0: OpenVersions(start: 0)])
    read([(1, .accepted), (2, .accepted)])
    #expect(begin(1, table: states.table(of: 0)) == ["1 indexed"])
    states.clear()
    states.end(key, version(1), 0, isAcknowledged: true)
    states.replace(with: [0: OpenVersions(start: 0)])
    read([(1, .accepted), (2, .accepted)])
    #expect(begin(2, table: states.table(of: 0)) == ["2 indexed"], "1 has its state")
  }

  @Test("a state that is acknowledged while the new table is read is known there")
  func acknowledgedWhileRead() {
    states.replace(with: [0: OpenVersions(start: 0)])
    read([(1, .accepted), (2, .accepted)])
    #expect(begin(1, table: states.table(of: 0)) == ["1 indexed"])
    states.replace(with: [0: OpenVersions(start: 0)])
    states.end(key, version(1), 0, isAcknowledged: true)
    read([(1, .accepted), (2, .accepted)])
    #expect(begin(2, table: states.table(of: 0)) == ["2 indexed"], "1 has its state")
  }
}
