/// The document frequency of a term in the lexical index of a shard.
package struct TermStatistics: Sendable, Equatable, WireMessage {
  package var term = ""
  package var documentFrequency: UInt64 = 0
  package init() {}
  func write(to writer: inout WireWriter) {
    writer.string(1, term)
    writer.uint(2, documentFrequency)
  }
  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: term = try reader.string()
    case 2: documentFrequency = try reader.uint64()
    default: return false
    }
    return true
  }
}
