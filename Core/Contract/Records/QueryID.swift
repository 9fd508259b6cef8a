import Foundation

/// A query's id within its tenant. Two ids are equal when their bytes are equal.
package struct QueryID: Sendable, Hashable, CustomStringConvertible {
  package let rawValue: String
  package static let rule = IdentifierRule.sentence
  /// A placeholder until the id has been read.
  static let unread = QueryID(unchecked: "-")

  private init(unchecked text: String) { rawValue = text }

  package init?(_ text: String) {
    guard IdentifierRule.allows(text) else { return nil }
    rawValue = text
  }

  /// A new id: the prefix, a hyphen and a random UUID.
  ///
  /// - Parameter prefix: lower-case letters and digits.
  package init(unique prefix: String) { rawValue = "\(prefix)-\(UUID().uuidString.lowercased())" }

  package var description: String { rawValue }
  package static func == (a: QueryID, b: QueryID) -> Bool { TextBytes.areEqual(a.rawValue, b.rawValue) }
  package func hash(into hasher: inout Hasher) { TextBytes.hash(rawValue, into: &hasher) }
}
