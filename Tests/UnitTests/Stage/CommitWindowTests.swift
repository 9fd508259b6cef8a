// swift-format-ignore-file: NeverForceUnwrap
import CommandLine
import Foundation
import Records
import Stage
import Testing

@Suite struct CommitWindowTests {
  /// Those of the offsets that the window admits.
  private func admitted(_ offsets: [Int64], _ window: inout CommitWindow) -> [Int64] {
    var taken: [Int64] = []
    for offset in offsets where window.admit(offset) { taken.append(offset) }
    return taken
  }

  @Test("the lowest offset in flight is committed; offsets finished beyond it are in the metadata")
  func prefixAndBitmap() {
    var window = CommitWindow(committed: 10, metadata: "")
    let first = admitted([10, 11, 15, 16], &window)
    #expect(first == [10, 11, 15, 16])
    window.finish(11)
    window.finish(16)
    #expect(window.nextOffset == 10)
    var successor = CommitWindow(committed: window.nextOffset, metadata: window.metadata)
    let second = admitted([10, 11, 15, 16], &successor)
    #expect(second == [10, 15], "11 and 16 were finished by the former owner")
    window.finish(10)
    #expect(window.nextOffset == 15, "gaps in offsets are tolerated")
    window.finish(15)
    #expect(window.nextOffset == 17 && window.metadata.isEmpty)
  }

  @Test("a record in flight or below the prefix is not admitted again")
  func repeats() {
    var window = CommitWindow(committed: 0, metadata: "")
    let twice = admitted([3, 3], &window)
    window.finish(3)
    let again = admitted([3, 1, 4], &window)
    #expect(twice == [3] && again == [4])
  }

  @Test("a left record is not in flight, is not passed by the commit, and may be admitted again")
  func left() {
    var window = CommitWindow(committed: 0, metadata: "")
    _ = admitted([0, 1, 2], &window)
    window.leave(1)
    #expect(window.inFlightCount == 2 && !window.isInFlight(1))
    window.finish(0)
    window.finish(2)
    #expect(window.nextOffset == 1, "it is not finished: nothing beyond it is committed")
    #expect(window.inFlightCount == 0)
    let again = admitted([0, 1, 2], &window)
    #expect(again == [1] && window.isInFlight(1))
    window.finish(1)
    #expect(window.nextOffset == 3 && window.metadata.isEmpty)
    window.leave(1)
    #expect(window.inFlightCount == 0, "a finished record can't be left")
  }

  @Test("a left record does not make the window full; otherwise it could never be admitted again")
  func leftAndFull() {
    var window = CommitWindow(committed: 0, metadata: "")
    _ = admitted(Array(0..<CommitWindow.spanMax), &window)
    for offset in 1..<CommitWindow.spanMax { window.finish(offset) }
    window.leave(0)
    #expect(!window.isFull)
    let again = admitted([0], &window)
    #expect(again == [0] && window.isFull)
  }

  @Test("a full window's metadata fits Kafka's limit; unreadable metadata repeats work")
  func limits() {
    var window = CommitWindow(committed: 0, metadata: "")
    _ = admitted(Array(0..<CommitWindow.spanMax), &window)
    #expect(window.isFull)
    for offset in 1..<CommitWindow.spanMax { window.finish(offset) }
    #expect(window.metadata.utf8.count <= 4096)
    var restored = CommitWindow(committed: 5, metadata: "not base64!")
    let all = admitted([5, 6], &restored)
    #expect(all == [5, 6])
  }
}
