// swift-format-ignore-file: NeverForceUnwrap
import KafkaClient
import Records
import Testing
@testable import Search

// Goal: the reporter knows which versions are open, and from where the next owner must read. Method: short sequences of
// events.

@Suite struct OpenVersionsTests {
  private func version(_ offset: Int64) -> Version { Version(epoch: 1, offset: offset) }
  private func apply(_ events: [(Int64, DocumentState)], to open: inout OpenVersions, from start: Int64 = 0) {
    for (index, event) in events.enumerated() {
      open.apply(StatusRecord(key, version(event.0), .put, event.1), offset: start + Int64(index))
    }
  }

  @Test("an older version stays open until it has a state; a repeated accepted event opens nothing")
  func openAndFinished() {
    var open = OpenVersions(start: 0)
    apply([(1, .accepted), (2, .accepted), (3, .accepted), (3, .indexed)], to: &open)
    #expect(open.open(key, below: version(3)).map(\.0) == [version(1), version(2)])
    #expect(open.operation(key, version(3)) == nil && open.operation(key, version(1)) == .put)
    #expect(open.oldestOffset == 0)
    apply([(1, .superseded)], to: &open, from: 4)
    #expect(open.oldestOffset == 1)
    apply([(2, .failed), (1, .accepted), (3, .accepted)], to: &open, from: 5)
    #expect(open.open(key, below: version(9)).isEmpty && open.count == 0)
    #expect(open.oldestOffset == 8, "no earlier event is needed")
  }

  @Test("a version whose state is acknowledged before its events are read here is not opened by them")
  func finishedEarly() {
    var open = OpenVersions(start: 0)
    open.finish(key, version(1))
    apply([(1, .accepted), (2, .accepted)], to: &open)
    #expect(!open.isKnown(key, version(1)) && open.open(key, below: version(2)).isEmpty)
    apply([(1, .indexed)], to: &open, from: 2)
    open.finish(key, version(2))
    #expect(open.count == 0 && open.oldestOffset == 3)
    // The state is acknowledged after it was read here, so it need not be remembered.
    apply([(3, .accepted), (3, .indexed)], to: &open, from: 3)
    open.finish(key, version(3))
    #expect(open.finishedCount == 0)
  }

  @Test("a version that is read again is opened by its request, even if there are newer versions")
  func readAgain() {
    var open = OpenVersions(start: 0)
    apply([(1, .accepted), (1, .indexed), (2, .accepted)], to: &open)
    let again = Version(epoch: 1, offset: 1, reading: 3)
    open.apply(StatusRecord(key, again, .put, .accepted), offset: 3)
    #expect(open.operation(key, again) == .put && open.operation(key, version(2)) == .put)
    #expect(open.open(key, below: version(2)).map(\.0) == [again], "the newer record overtakes it")
    open.finish(key, again)
    // The `accepted` event is repeated by a crash, after the state.
    open.apply(StatusRecord(key, again, .put, .accepted), offset: 4)
    #expect(open.operation(key, again) == nil)
  }

  @Test("events before the start only tell the newest accepted version, and open nothing")
  func before() {
    var open = OpenVersions(start: 800)
    // A worker reads up to `OpenVersions.readBefore` events before its start.
    apply((100..<500).flatMap { [($0, .accepted), ($0, .indexed)] }, to: &open)
    apply([(499, .accepted), (4, .accepted), (600, .accepted)], to: &open, from: 800)
    #expect(open.operation(key, version(499)) == nil && open.operation(key, version(4)) == nil)
    #expect(open.operation(key, version(600)) == .put && open.oldestOffset == 802)
  }

  @Test(
    "a version whose accepted event comes after those of later versions is opened all the same")
  func outOfOrder() {
    var open = OpenVersions(start: 0)
    apply([(27, .accepted), (29, .accepted), (30, .accepted), (28, .accepted), (29, .accepted)], to: &open)
    #expect(open.operation(key, version(28)) == .put && open.count == 4)
    apply([(30, .indexed), (27, .superseded), (28, .superseded), (29, .superseded)], to: &open, from: 5)
    apply([(28, .accepted), (30, .accepted)], to: &open, from: 9)
    #expect(open.count == 0 && open.oldestOffset == 11, "repeats after a crash open nothing")
    // Compaction leaves gaps between the offsets.
    apply([(90_000, .accepted), (10_000, .accepted)], to: &open, from: 11)
    #expect(open.operation(key, version(10_000)) == .put)
  }
}
