import Analysis
import Lexical

/// What the rows of a tenant hold together.
package struct TenantContent: Sendable {
  package var rows: UInt64 = 0
  /// Terms in each field.
  package var lengths = [UInt64](repeating: 0, count: TermField.allCases.count)
  /// Rows of each language.
  package var languages: [Language: UInt64] = [:]

  package init() {}

  package mutating func add(_ lengths: FieldLengths, _ language: Language) {
    rows &+= 1
    for field in TermField.allCases { self.lengths[field.rawValue] &+= lengths[field] }
    languages[language, default: 0] &+= 1
  }

  /// A damaged file may hold less than what is taken away.
  mutating func remove(_ lengths: FieldLengths, _ language: Language) {
    rows &-= 1
    for field in TermField.allCases { self.lengths[field.rawValue] &-= lengths[field] }
    languages[language, default: 1] &-= 1
  }

  package mutating func add(_ other: TenantContent) {
    rows &+= other.rows
    for field in TermField.allCases { lengths[field.rawValue] &+= other.lengths[field.rawValue] }
    languages.merge(other.languages, uniquingKeysWith: &+)
  }
}
