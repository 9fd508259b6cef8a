/// The terms of one chunk, numbered by a lexicon.
package struct RowWords: Sendable {
  /// Ascending.
  package var terms: [UInt32]
  /// The counts of each of `terms`.
  package var counts: [TermCounts]
  package var lengths: FieldLengths
  /// The hash of the chunk's folded text (`Lexicon.hash(of:)`).
  package var textHash: UInt64

  package func counts(of term: UInt32) -> TermCounts? {
    var (low, high) = (0, terms.count)
    while low < high {
      let middle = (low + high) / 2
      if terms[middle] < term { low = middle + 1 } else { high = middle }
    }
    return low < terms.count && terms[low] == term ? counts[low] : nil
  }
}
