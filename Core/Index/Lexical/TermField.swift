/// The fields of a chunk that are searched for words.
package enum TermField: Int, CaseIterable, Sendable {
  case text
  case title
  case headings
  /// What the text does not say itself: the names of a row's columns.
  case context
}
