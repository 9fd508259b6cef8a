/// The fields of a chunk that are searched for words.
package enum TermField: Int, CaseIterable, Sendable {
  case text
  case title
  case headings
  /// What the text itself does not say, such as the column names of a table's row (`Chunk.context`).
  case context
}
