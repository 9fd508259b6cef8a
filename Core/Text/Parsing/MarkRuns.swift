/// Limits the combining marks in a row. Swift brings them into canonical order whenever it compares a text or a
/// character, in time that grows with the square of their number: a document of 800,000 marks blocked ingest for
/// minutes.
package enum MarkRuns {
  /// Far more than any script writes on a letter; Unicode's stream-safe format allows 30 (UAX #15).
  static let lengthMax = 1000

  /// - Throws: `ParsingError` when more than `lengthMax` marks follow each other.
  package static func check(_ text: String) throws(ParsingError) {
    // In UTF-8, U+0300, the first combining mark, begins with this byte.
    guard text.utf8.contains(where: { $0 >= 0xCC }) else { return }
    var count = 0
    for scalar in text.unicodeScalars {
      count =
        scalar.value < 0x300 || scalar.properties.canonicalCombiningClass == .notReordered ? 0 : count + 1
      if count > lengthMax {
        throw ParsingError(.unreadable, rule: "must hold at most \(lengthMax) combining marks in a row")
      }
    }
  }
}
