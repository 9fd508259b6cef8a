/// A document's id within its tenant. Two ids are equal when their bytes are equal.
package struct DocumentID: Sendable, Hashable, Comparable, CustomStringConvertible {
  package let rawValue: String
  package static let rule = IdentifierRule.sentence

  package init?(_ text: String) {
    guard IdentifierRule.allows(text) else { return nil }
    rawValue = text
  }

  package var description: String { rawValue }
  package static func == (a: DocumentID, b: DocumentID) -> Bool { TextBytes.areEqual(a.rawValue, b.rawValue) }
  package func hash(into hasher: inout Hasher) { TextBytes.hash(rawValue, into: &hasher) }
  /// Byte order, because it is the same in every client language.
  package static func < (a: DocumentID, b: DocumentID) -> Bool {
    a.rawValue.utf8.lexicographicallyPrecedes(b.rawValue.utf8)
  }
}
