/// A sentence as it is compared with others: its terms in their order, without articles and punctuation.
///
/// The usual spellings of a number, unit, time, date, range or contraction have one form, and so have a few phrases.
/// Nothing is converted: 60 minutes is not 1 hour, GB is not GiB, and 03/04/2026 equals no other spelling of a date.
package struct Statement: Sendable {
  package let terms: [Term]
  /// How many terms stand before the colon of a label; nil without one.
  let labelEnd: Int?
  /// True for a question: it states nothing.
  let isQuestion: Bool
  /// True if the text names something and gives its value without a verb: `extension: 4417`, a row, a heading.
  package let isLabelled: Bool

  /// - Parameter isLabel: the text is a heading, or a row of a table.
  package init(_ text: String, isLabel: Bool = false) {
    let pieces = TextScanner.pieces(of: text)
    var reader = StatementReader(pieces)
    var read = reader.read()
    let words = read.filter { $0.kind == .word && $0.form.utf8.count > 1 }
    if words.count > 3, words.allSatisfy(\.isInCapitals) {
      // If the whole sentence is in capitals, they don't mark acronyms or names.
      for index in read.indices {
        read[index].isInCapitals = false
        read[index].isName = false
      }
    }
    terms = read
    labelEnd = reader.labelEnd
    isQuestion =
      pieces.last { $0.kind != .mark || !["\"", "'", ")", "\u{201D}"].contains($0.text) }?.text == "?"
    isLabelled =
      isLabel
      || pieces.contains { $0.kind == .mark && [":", "=", "|"].contains($0.text) }
  }
}
