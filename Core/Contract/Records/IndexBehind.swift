import Time

/// How far an index was behind `rag.vectors` when it searched. An answer has the worst values of its shards.
package struct IndexBehind: Sendable, Equatable {
  package var records: Int64
  package var milliseconds: Int64
  /// Whether the index was searched before it had reached the token of the query's `after`.
  package var hasMissedToken = false

  package init(records: Int64 = 0, milliseconds: Int64 = 0) {
    self.records = records
    self.milliseconds = milliseconds
  }

  package func worst(_ other: IndexBehind) -> IndexBehind {
    var worst = IndexBehind(
      records: max(records, other.records), milliseconds: max(milliseconds, other.milliseconds))
    worst.hasMissedToken = hasMissedToken || other.hasMissedToken
    return worst
  }
}
