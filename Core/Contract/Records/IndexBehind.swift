import Time

/// How far the worst shard's index was behind its topic when it searched.
package struct IndexBehind: Sendable, Equatable {
  package var records: Int64
  package var milliseconds: Int64
  package init(records: Int64 = 0, milliseconds: Int64 = 0) {
    self.records = records
    self.milliseconds = milliseconds
  }

  package func worst(_ other: IndexBehind) -> IndexBehind {
    IndexBehind(records: max(records, other.records), milliseconds: max(milliseconds, other.milliseconds))
  }
}
