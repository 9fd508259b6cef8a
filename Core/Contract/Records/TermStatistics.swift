/// How many chunks have a term of the query.
package struct TermStatistics: Sendable, Equatable, WireMessage {
  package var term = ""
  /// Live chunks of the tenant in this shard.
  package var documentFrequency: UInt64 = 0
  /// What the term was weighed with: the same, or what all shards had together when it was last heard of.
  package var weighedFrequency: UInt64 = 0
  /// Whether it tells one thing from others like it, as codes, flags and versions do.
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
