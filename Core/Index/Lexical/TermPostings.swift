/// A term of one tenant with all rows that have it, in order.
package struct TermPostings: Sendable {
  package var term: [UInt8]
  package var rows: [UInt32]
  package var counts: [TermCounts]

  package init(term: [UInt8], rows: [UInt32], counts: [TermCounts]) {
    self.term = term
    self.rows = rows
    self.counts = counts
  }
}
