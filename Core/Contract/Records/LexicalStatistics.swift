/// What BM25 must know of a tenant's live chunks: integers, so that those of shards can be added up.
package struct LexicalStatistics: Sendable, Equatable {
  package var chunks: UInt64 = 0
  /// The weighted lengths of all chunks together, in hundredths of a term.
  package var length: UInt64 = 0
  /// How many chunks have each term.
  package var frequencies: [String: UInt64] = [:]

  package init() {}

  /// - Parameter frequency: which of a term's numbers counts.
  init(chunks: UInt64, length: UInt64, _ terms: [TermStatistics], _ frequency: (TermStatistics) -> UInt64) {
    self.chunks = chunks
    self.length = length
    for term in terms { frequencies[term.term] = frequency(term) }
  }

  package var meanLength: Double { chunks == 0 ? 0 : Double(length) / Double(chunks) }

  package func weight(_ term: String) -> Double {
    BM25.weight(chunks: chunks, documentFrequency: frequencies[term] ?? 0)
  }

  /// The weights of some terms, in their order.
  package func weights(of terms: [String]) -> [Double] { terms.map(weight) }

  /// What a term adds to a chunk's score. The sum is over the query's terms in their order: so equal chunks have equal
  /// scores, bit for bit.
  ///
  /// - Parameters: weighted, in hundredths.
  package static func score(weight: Double, frequency: UInt64, length: UInt64, meanLength: Double) -> Double {
    weight
      * BM25.saturation(
        frequency: Double(frequency) / 100, length: Double(length), meanLength: meanLength)
  }

  package static func + (a: LexicalStatistics, b: LexicalStatistics) -> LexicalStatistics {
    var sum = a
    sum.chunks &+= b.chunks
    sum.length &+= b.length
    sum.frequencies.merge(b.frequencies, uniquingKeysWith: &+)
    return sum
  }

  /// The score of a chunk.
  ///
  /// - Parameters:
  ///   - counts: of the terms that it has: weighted frequencies, in hundredths. In the same order everywhere, so that
  ///     equal chunks have equal scores, bit for bit.
  ///   - length: weighted, in hundredths.
  package func score(_ counts: [(term: String, frequency: UInt64)], length: UInt64) -> Double {
    let meanLength = meanLength
    return counts.reduce(0) { sum, count in
      sum
        + Self.score(
          weight: weight(count.term), frequency: count.frequency, length: length, meanLength: meanLength)
    }
  }
}
