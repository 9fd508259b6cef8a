import Engine
import TestSupport
import Testing

// Goal: merges limit the number of segments and the amount written. Method: lists of sizes, then long random growth.

@Suite struct MergePolicyTests {
  private let policy = MergePolicy(fanout: 4, smallest: 10, largest: 10_000)

  @Test("four neighbours of a tier are merged with smaller ones between them; those above the limit are not")
  func choices() {
    #expect(policy.next([]) == nil)
    #expect(policy.next([10, 10, 10]) == nil)
    #expect(policy.next([10, 9, 1, 10]) == 0..<4)
    #expect(policy.next([100, 5, 5, 5, 5]) == 1..<5)
    #expect(policy.next([5, 5, 100, 5, 5]) == nil, "neighbours only")
    #expect(policy.next([40, 40, 5, 40, 40]) == 0..<5)
    #expect(policy.next([10_001, 10_001, 10_001, 10_001]) == nil)
  }

  @Test("after random growth few segments are left, and each row was written about once per tier")
  func growth() {
    var random = SplitMix(state: UInt64.random(in: 0...UInt64.max))
    var sizes: [Int] = []
    var (sealed, written) = (0, 0)
    for _ in 0..<2000 {
      let size = Int.random(in: 1...10, using: &random)
      sizes.append(size)
      sealed += size
      written += size
      while let range = policy.next(sizes) {
        let sum = sizes[range].reduce(0, +)
        written += sum
        sizes.replaceSubrange(range, with: [sum])
      }
    }
    #expect(sizes.reduce(0, +) == sealed)
    // At most three segments of each tier up to 10,000.
    #expect(sizes.count <= 3 * 7, "\(sizes)")
    #expect(Double(written) / Double(sealed) < 7, "\(written) of \(sealed)")
  }
}
