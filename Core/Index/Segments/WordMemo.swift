/// What was counted of a segment's rows that are not shown any more. A value.
struct WordMemo {
  /// Up to where removed and expired documents were looked for.
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

  /// By tenant.
  var dead: [Int: (mark: Mark, documents: [Int])] = [:]
  /// How many dead documents were counted, and how many of their rows have the term.
  private(set) var terms: [TermKey: (documents: Int, rows: Int)] = [:]
  /// The same with what is left. By tenant.
  var contents: [Int: (documents: Int, content: TenantContent)] = [:]

  mutating func note(_ key: TermKey, documents: Int, rows: Int) {
    if terms.count >= Self.termsMax { terms.removeAll() }
    terms[key] = (documents, rows)
  }
}
