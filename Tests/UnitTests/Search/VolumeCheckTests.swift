import Engine
import Testing
@testable import Search

// Goal: a volume is used only if the tail of the log can bring it up to date. Method: each reason to rebuild it, at the
// limit.

@Suite struct VolumeCheckTests {
  private func state(_ next: Int64, covered: Int64 = 1_000_000, reportedTo: Int64 = 0) -> PartitionState {
    var state = PartitionState()
    state.nextOffset = next
    state.cover(covered)
    state.reportedTo = reportedTo
    return state
  }

  private func check(
    _ states: [Int32: PartitionState], beginning: Int64 = 0, end: Int64 = 100, committed: Int64 = 50,
    now: Int64 = 1_000_000
  ) -> String? {
    VolumeCheck(
      partitions: [0, 4], beginnings: [0: beginning, 4: 0], ends: [0: end, 4: 100],
      committed: [0: committed, 4: 50], retentionMilliseconds: 8000
    ).reason(against: states, nowMilliseconds: now)?.code
  }

  @Test("a volume of this shard that the log continues is used")
  func fine() {
    #expect(check([0: state(100), 4: state(0, covered: 0)]) == nil)
    #expect(check([:]) == nil)
    #expect(check([0: state(60, reportedTo: 50)], beginning: 60) == nil)
  }

  @Test("partitions of another shard, or a log that begins after the volume or ends before it: a rebuild")
  func bounds() {
    #expect(check([0: state(10), 1: state(10)]) == "layout")
    #expect(check([0: state(60)], beginning: 61) == "gap")
    #expect(check([0: state(100)], end: 99) == "shorter")
  }

  @Test("a partition older than seven eighths of the retention means a rebuild, unless it is empty")
  func age() {
    #expect(check([0: state(60)], now: 1_007_000) == nil)
    #expect(check([0: state(60)], now: 1_007_001) == "old")
    #expect(check([0: state(0, covered: 0)], now: 9_000_000) == nil)
  }

  @Test("reporters' commits below the first decision that the volume keeps mean a rebuild")
  func reports() {
    #expect(check([0: state(60, reportedTo: 51)]) == "reports")
    #expect(check([0: state(60, reportedTo: 50)]) == nil)
  }
}
