/// The numbers about a tenant's live chunks that BM25 needs. They are integers, so that sums over shards are exact.
package struct LexicalStatistics: Sendable, Equatable {
  package var chunks: UInt64 = 0
  /// The sum of all chunks' weighted lengths, in hundredths of a term.
  package var length: UInt64 = 0
  /// The number of chunks that have each term.
  package var frequencies: [String: UInt64] = [:]

  package init() {}

  /// - Parameter frequency: chooses which of a term's two frequencies is used.
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

  /// The part of a chunk's score that one term contributes. Callers must add these parts in the order of the query's
  /// terms, so that equal chunks get equal scores, bit for bit. `frequency`, `length` and `meanLength` are weighted and
  /// in hundredths.
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
  ///   - counts: the chunk's terms with their weighted frequencies, in hundredths. The order of terms must be the same
  ///     for all chunks, so that equal chunks get equal scores, bit for bit.
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
