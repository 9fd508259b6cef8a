/// A sentence as it is compared with others: its terms in their order, without articles and punctuation.
///
/// Number words, thousands marks, units, times, dates, ranges, contractions and a few phrases have one form each. There
/// are no conversions: 60 minutes is not 1 hour, GB is not GiB, and 03/04/2026 is only itself.
package struct Statement: Sendable {
  package let terms: [Term]
  /// True if the text names something and gives its value without a verb: `extension: 4417`, a row, a heading.
  package let isLabelled: Bool

  /// - Parameter isLabel: the text is a heading, or a row of a table.
  package init(_ text: String, isLabel: Bool = false) {
    let pieces = TextScanner.pieces(of: text)
    var reader = StatementReader(pieces)
    terms = reader.read()
    isLabelled =
      isLabel
      || pieces.contains { $0.kind == .mark && [":", "=", "|"].contains($0.text) }
  }
}
