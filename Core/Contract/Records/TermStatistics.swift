/// The number of chunks that have a term of the query.
package struct TermStatistics: Sendable, Equatable, WireMessage {
  package var term = ""
  /// The tenant's live chunks that have the term: in this shard, or, in `SharedStatistics`, in all shards.
  package var documentFrequency: UInt64 = 0
  /// The frequency that the term was weighed with: this shard's own, or that of all shards as far as this shard knows
  /// it. 0 in `SharedStatistics`.
  package var weighedFrequency: UInt64 = 0
  /// Whether the term is an identifier, such as a code, a command-line flag or a version number.
  package var isIdentifier = false

  package init() {}

  package init(term: String, documentFrequency: UInt64, weighedFrequency: UInt64, isIdentifier: Bool = false)
  {
    self.term = term
    self.documentFrequency = documentFrequency
    self.weighedFrequency = weighedFrequency
    self.isIdentifier = isIdentifier
  }

  func write(to writer: inout WireWriter) {
    writer.string(1, term)
    writer.uint(2, documentFrequency)
    writer.uint(3, weighedFrequency)
    writer.bool(4, isIdentifier)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: term = try reader.string()
    case 2: documentFrequency = try reader.uint64()
    case 3: weighedFrequency = try reader.uint64()
    case 4: isIdentifier = try reader.bool()
    default: return false
    }
    return true
  }
}
