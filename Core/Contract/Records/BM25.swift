import Foundation

/// Robertson's BM25 with an inverse document frequency that is never negative (Lucene's), over fields whose frequencies
/// and lengths are added up by weight before they saturate (Robertson, Zaragoza and Taylor 2004,
/// doi:10.1145/1031171.1031181).
package enum BM25 {
  package static let k1 = 1.2
  package static let b = 0.75

  /// - Parameters:
  ///   - chunks: all chunks of the tenant.
  ///   - documentFrequency: how many of them have the term.
  package static func weight(chunks: UInt64, documentFrequency: UInt64) -> Double {
    let frequency = Double(min(documentFrequency, chunks))
    return log(1 + (Double(chunks) - frequency + 0.5) / (frequency + 0.5))
  }

  /// What a term's weight is multiplied by: 0 to 1.
  ///
  /// - Parameter frequency: weighted, in occurrences. The lengths are in the same unit.
  package static func saturation(frequency: Double, length: Double, meanLength: Double) -> Double {
    guard frequency > 0, meanLength > 0 else { return 0 }
    return frequency / (frequency + k1 * (1 - b + b * length / meanLength))
  }
}
