/// How much an occurrence in each field counts. Weights are kept in hundredths, so that sums are integers and the same
/// in every shard.
package struct FieldWeights: Sendable, Equatable {
  /// By `TermField.rawValue`.
  private var hundredths: SIMD4<UInt64>

  /// - Parameters: the weights, 0 to 100 each.
  package init(text: Double = 1, title: Double = 1, headings: Double = 1, context: Double = 1) {
    hundredths = SIMD4(repeating: 100)
    for (field, weight) in [
      (TermField.text, text), (.title, title), (.headings, headings), (.context, context),
    ] {
      hundredths[field.rawValue] = UInt64((min(max(weight, 0), 100) * 100).rounded())
    }
  }

  package subscript(field: TermField) -> UInt64 { hundredths[field.rawValue] }

  /// The weighted frequency of a term, in hundredths.
  package func frequency(_ counts: TermCounts) -> UInt64 {
    self[.text] * UInt64(counts[.text]) + self[.title] * UInt64(counts[.title])
      + self[.headings] * UInt64(counts[.headings]) + self[.context] * UInt64(counts[.context])
  }

  /// The weighted length of a chunk, in hundredths.
  package func length(_ lengths: FieldLengths) -> UInt64 {
    self[.text] * lengths[.text] + self[.title] * lengths[.title] + self[.headings] * lengths[.headings]
      + self[.context] * lengths[.context]
  }

  /// The weight of each field in hundredths, as segments store it.
  package var numbers: [UInt32] { TermField.allCases.map { UInt32(self[$0]) } }
}
