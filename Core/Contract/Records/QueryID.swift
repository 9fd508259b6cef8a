/// A query's id within its tenant. Two ids are the same when their bytes are.
package struct QueryID: Sendable, Hashable, CustomStringConvertible {
  package let rawValue: String
  package static let rule = IdentifierRule.sentence
  /// Stands for an id that has not been read yet.
  static let unread = QueryID(unchecked: "-")

  private init(unchecked text: String) { rawValue = text }

  package init?(_ text: String) {
    guard IdentifierRule.allows(text) else { return nil }
    rawValue = text
  }

  package var description: String { rawValue }
  package static func == (a: QueryID, b: QueryID) -> Bool { TextBytes.areEqual(a.rawValue, b.rawValue) }
  package func hash(into hasher: inout Hasher) { TextBytes.hash(rawValue, into: &hasher) }
}
