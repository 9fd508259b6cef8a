import Records

/// The part of BM25's denominator that a chunk's length decides: a + c × length.
package struct LengthNorm: Sendable {
  let a: Float
  let c: Float

  /// - Parameter meanLength: in the same unit as the lengths for `saturation`.
  package init(meanLength: Float) {
    a = Float(BM25.k1 * (1 - BM25.b))
    c = meanLength > 0 ? Float(BM25.k1 * BM25.b) / meanLength : 0
  }

  package func saturation(frequency: Float, length: Float) -> Float {
    frequency / (frequency + a + c * length)
  }
}
