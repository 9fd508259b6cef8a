/// A Bloom filter in memory that tells which hashes a table surely does not hold. The bits of each hash lie in one
/// word.
///
/// With 13 bits for each hash, about 3 of 100 hashes that the table lacks pass. (Putze, Sanders, Singler, "Cache-,
/// Hash- and Space-Efficient Bloom Filters", 2009.)
struct HashFilter: Sendable {
  private static let hashesPerWord = 5
  private var words: [UInt64]

  /// - Parameter hash: the hash of an entry, evenly spread.
  init(count: Int, _ hash: (Int) -> UInt64) {
    words = [UInt64](repeating: 0, count: count / Self.hashesPerWord + 1)
    for number in 0..<count {
      let hash = hash(number)
      words[place(hash)] |= Self.bits(hash)
    }
  }

  /// - Returns: false only if no entry has the hash.
  func mayHold(_ hash: UInt64) -> Bool {
    let bits = Self.bits(hash)
    return words[place(hash)] & bits == bits
  }

  private func place(_ hash: UInt64) -> Int { Int(((hash >> 32) * UInt64(words.count)) >> 32) }

  /// Four bits of a word, chosen by the lower half of the hash.
  private static func bits(_ hash: UInt64) -> UInt64 {
    (0..<4).reduce(0) { $0 | 1 << (hash >> UInt64($1 * 6) & 63) }
  }
}
