import Foundation

/// Robertson's BM25 with Lucene's inverse document frequency, which is never negative. A chunk has several fields.
/// Their frequencies and lengths are multiplied by the fields' weights and summed before saturation (Robertson,
/// Zaragoza and Taylor 2004, doi:10.1145/1031171.1031181).
package enum BM25 {
  package static let k1 = 1.2
  package static let b = 0.75

  /// - Parameters:
  ///   - chunks: the number of the tenant's chunks.
  ///   - documentFrequency: how many of them have the term.
  package static func weight(chunks: UInt64, documentFrequency: UInt64) -> Double {
    let frequency = Double(min(documentFrequency, chunks))
    return log(1 + (Double(chunks) - frequency + 0.5) / (frequency + 0.5))
  }

  /// The factor for a term's weight, from 0 to 1. `frequency` is the weighted number of occurrences. `length` and
  /// `meanLength` are weighted too, and may have any unit that is the same for both.
  package static func saturation(frequency: Double, length: Double, meanLength: Double) -> Double {
    guard frequency > 0, meanLength > 0 else { return 0 }
    return frequency / (frequency + k1 * (1 - b + b * length / meanLength))
  }
}
