import Analysis
import Lexical
import Storage

/// How many of a segment's rows that are not shown any more have a term, and what all of them hold, as far as it was
/// counted. Removed documents are counted in the order of their removal, expired ones in the order of their expiry. A
/// value.
struct WordMemo {
  /// Up to where was counted.
  struct Mark {
    var removals = 0
    var expired = 0
    var now: Int64 = 0
  }

  struct TermKey: Hashable {
    var tenant: Int
    var term: [UInt8]
  }

  /// So many terms are remembered; then all are forgotten.
  private static let termsMax = 65_536

  private(set) var terms: [TermKey: (mark: Mark, dead: Int)] = [:]
  var tenants: [Int: (mark: Mark, content: TenantContent)] = [:]

  mutating func note(_ key: TermKey, _ mark: Mark, dead: Int) {
    if terms.count >= Self.termsMax { terms.removeAll() }
    terms[key] = (mark, dead)
  }
}
