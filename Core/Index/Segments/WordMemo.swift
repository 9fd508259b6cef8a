/// What was counted of a segment's dead documents: those that were removed or have expired. A value.
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

  /// When this many terms are remembered, all are forgotten.
  private static let termsMax = 65_536

  /// The dead documents that were found so far, by tenant.
  var dead: [Int: (mark: Mark, documents: [Int])] = [:]
  /// For each term how many dead documents were looked at, and how many of their rows have the term.
  private(set) var terms: [TermKey: (documents: Int, rows: Int)] = [:]
  /// For each tenant how many dead documents were subtracted, and the counts over the rows that remain.
  var contents: [Int: (documents: Int, content: TenantContent)] = [:]

  mutating func note(_ key: TermKey, documents: Int, rows: Int) {
    if terms.count >= Self.termsMax { terms.removeAll() }
    terms[key] = (documents, rows)
  }
}
