import Analysis
import Lexical

/// Counts over some rows of a tenant.
package struct TenantContent: Sendable {
  package var rows: UInt64 = 0
  /// The number of terms in each field, over all these rows.
  package var lengths = [UInt64](repeating: 0, count: TermField.allCases.count)
  /// The number of rows in each language.
  package var languages: [Language: UInt64] = [:]

  package init() {}

  package mutating func add(_ lengths: FieldLengths, _ language: Language) {
    rows &+= 1
    for field in TermField.allCases { self.lengths[field.rawValue] &+= lengths[field] }
    languages[language, default: 0] &+= 1
  }

  /// Subtracts a row. Differences may wrap around: a damaged file may state less than is subtracted.
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
