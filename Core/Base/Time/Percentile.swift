/// Percentiles by nearest rank: the smallest value v such that at least the given share of the values is ≤ v.
package enum Percentile {
  /// - Parameters:
  ///   - values: in any order.
  ///   - share: 0.99 for the 99th percentile.
  /// - Returns: one of the values; 0 when there are none.  Complexity: O(n log n).
  package static func of(_ values: [Double], _ share: Double) -> Double {
    guard !values.isEmpty else { return 0 }
    let sorted = values.sorted()
    let rank = Int((Double(sorted.count) * share).rounded(.up))
    return sorted[min(sorted.count, max(1, rank)) - 1]
  }
}
