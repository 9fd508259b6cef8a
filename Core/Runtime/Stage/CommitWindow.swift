import Foundation

/// Which offsets of one partition are in flight, finished, and safe to commit. A value: no I/O.
///
/// Committed is the lowest offset in flight (gaps in offsets are tolerated), beside it, as base64 text, a
/// bitmap of what is finished beyond: bit `i` stands for offset `committed + i`. A new owner skips those.
package struct CommitWindow: Sendable {
  /// 3,072 bytes of bitmap are 4,096 of base64; the window is full before that.
  package static let spanMax: Int64 = 20_000

  private var inFlight: Set<Int64> = []
  private var finished: Set<Int64> = []
  /// Neither finished nor worked on: what is committed stops before them until they are admitted again.
  private var left: Set<Int64> = []
  /// The lowest offset in flight, else one past the highest that was admitted: what is committed.
  package private(set) var nextOffset: Int64
  /// One past the highest offset that was admitted.
  private var admittedEnd: Int64

  /// - Parameter metadata: as committed; anything unreadable counts as nothing finished, so work repeats.
  package init(committed: Int64, metadata: String) {
    nextOffset = committed
    admittedEnd = committed
    guard let bitmap = Data(base64Encoded: metadata) else { return }
    for (index, byte) in bitmap.enumerated() where byte != 0 {
      for bit in 0..<8 where byte & (1 << bit) != 0 { finished.insert(committed + Int64(index * 8 + bit)) }
    }
  }

  package var inFlightCount: Int { inFlight.count - left.count }
  /// Not while an offset was left: it holds the prefix back, and is the next that comes of the partition.
  package var isFull: Bool { left.isEmpty && admittedEnd - nextOffset >= Self.spanMax }

  package func isInFlight(_ offset: Int64) -> Bool { inFlight.contains(offset) && !left.contains(offset) }

  /// - Returns: false for a record that is finished or in flight already.
  package mutating func admit(_ offset: Int64) -> Bool {
    if left.remove(offset) != nil { return true }
    guard offset >= nextOffset, !inFlight.contains(offset) else { return false }
    let isNew = !finished.contains(offset)
    if inFlight.isEmpty {
      // Nothing holds the prefix back: it stands at this record, or past it.
      nextOffset = isNew ? offset : offset + 1
      finished = finished.filter { $0 >= nextOffset }
    }
    admittedEnd = max(admittedEnd, offset + 1)
    if isNew { inFlight.insert(offset) }
    return isNew
  }

  /// Ends work on an offset that has not been finished: it may be admitted again.
  package mutating func leave(_ offset: Int64) {
    if inFlight.contains(offset) { left.insert(offset) }
  }

  /// Complexity: amortised O(1); the prefix passes each offset once.
  package mutating func finish(_ offset: Int64) {
    guard inFlight.remove(offset) != nil else { return }
    left.remove(offset)
    finished.insert(offset)
    guard offset == nextOffset else { return }
    while nextOffset < admittedEnd, !inFlight.contains(nextOffset) {
      finished.remove(nextOffset)
      nextOffset += 1
    }
  }

  package var metadata: String {
    let next = nextOffset
    guard let last = finished.max(), last >= next else { return "" }
    var bitmap = [UInt8](repeating: 0, count: Int(last - next) / 8 + 1)
    for offset in finished { bitmap[Int(offset - next) / 8] |= 1 << UInt8((offset - next) % 8) }
    return Data(bitmap).base64EncodedString()
  }
}
