import Records

/// Stands for one fact about a query: that it has an answer, or that a round of it is finished.
///
/// It consists of two 64-bit hashes, which are seeded at random in each process, so that nobody can choose IDs that
/// collide. A mark in memory takes about 32 bytes.
package struct QueryMark: Sendable, Hashable {
  private let high: Int
  private let low: Int

  /// The query has a terminal state.
  package static func answered(_ key: [UInt8]) -> QueryMark { QueryMark(key, tag: -1) }
  /// The round has an output: a prompt, or a search of the next round.
  package static func finished(_ key: [UInt8], round: UInt32) -> QueryMark { QueryMark(key, tag: Int(round)) }

  private init(_ key: [UInt8], tag: Int) {
    var hasher = Hasher()
    hasher.combine(tag)
    hasher.combine(key)
    high = hasher.finalize()
    hasher = Hasher()
    hasher.combine(key)
    hasher.combine(0x6d61_726b)
    hasher.combine(tag)
    low = hasher.finalize()
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(high) }
}
