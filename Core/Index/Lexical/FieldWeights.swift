/// What an occurrence in each field counts, in hundredths: so sums are integers, the same in every shard.
package struct FieldWeights: Sendable, Equatable {
  private var hundredths: [TermField.RawValue: UInt64]

  /// - Parameters: 0 to 100 each.
  package init(text: Double = 1, title: Double = 1, headings: Double = 1, context: Double = 1) {
    hundredths = [:]
    for (field, weight) in [
      (TermField.text, text), (.title, title), (.headings, headings), (.context, context),
    ] {
      hundredths[field.rawValue] = UInt64((min(max(weight, 0), 100) * 100).rounded())
    }
  }

  package subscript(field: TermField) -> UInt64 { hundredths[field.rawValue] ?? 100 }

  /// The weighted frequency of a term, in hundredths.
  package func frequency(_ counts: TermCounts) -> UInt64 {
    TermField.allCases.reduce(0) { $0 + self[$1] * UInt64(counts[$1]) }
  }

  /// The weighted length of a chunk, in hundredths.
  package func length(_ lengths: FieldLengths) -> UInt64 {
    TermField.allCases.reduce(0) { $0 + self[$1] * lengths[$1] }
  }

  /// For each field 4 bytes.
  package var numbers: [UInt32] { TermField.allCases.map { UInt32(self[$0]) } }
}
