/// Tells where in a sorted table the hashes with the same first bits lie. It is held in memory, about a byte for each
/// hash. A lookup then touches two or three cache lines of the table, and not one for each step of a binary search.
struct HashDirectory: Sendable {
  /// About this many hashes at most share their first bits, if hashes are spread evenly.
  private static let groupCount = 4

  private let shift: Int
  /// For each value of the first bits, the number of the first hash that is not below it; then the number of all
  /// hashes.
  private let starts: [UInt32]

  /// - Parameter hash: the hash of an entry; hashes must be in ascending order.
  /// - Precondition: `count` is less than 2³².
  init(count: Int, _ hash: (Int) -> UInt64) {
    var bits = 0
    while count >> bits > Self.groupCount { bits += 1 }
    shift = 64 - bits
    var starts: [UInt32] = []
    starts.reserveCapacity(1 << bits + 1)
    for number in 0..<count {
      let group = bits == 0 ? 0 : Int(hash(number) >> UInt64(shift))
      while starts.count <= group { starts.append(UInt32(number)) }
    }
    while starts.count <= 1 << bits { starts.append(UInt32(count)) }
    self.starts = starts
  }

  /// - Returns: the first entry whose hash is not below `value`; the number of entries when there is none.
  /// - Complexity: O(1) for evenly spread hashes, O(log count) for others.
  func first(notBelow value: UInt64, _ hash: (Int) -> UInt64) -> Int {
    let group = shift == 64 ? 0 : Int(value >> UInt64(shift))
    var (low, high) = (Int(starts[group]), Int(starts[group + 1]))
    while low < high {
      let middle = (low + high) / 2
      if hash(middle) < value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
