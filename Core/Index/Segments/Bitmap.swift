/// A set of small numbers.
package struct Bitmap: Sendable, Equatable {
  package private(set) var words: [UInt64]
  package private(set) var count = 0

  /// - Parameter capacity: numbers are below it.
  package init(capacity: Int) { words = [UInt64](repeating: 0, count: (capacity + 63) / 64) }

  package init(words: [UInt64]) {
    self.words = words
    count = words.reduce(0) { $0 + $1.nonzeroBitCount }
  }

  package func contains(_ number: Int) -> Bool { words[number >> 6] & (1 << UInt64(number & 63)) != 0 }

  /// - Returns: false when the number was there already.
  package mutating func insert(_ number: Int) -> Bool {
    guard !contains(number) else { return false }
    words[number >> 6] |= 1 << UInt64(number & 63)
    count += 1
    return true
  }
}
