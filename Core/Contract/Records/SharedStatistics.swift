/// The statistics of a query's terms over all shards. In the round that they belong to, every shard weighs terms with
/// them.
package struct SharedStatistics: Sendable, Equatable, WireMessage {
  package var chunks: UInt64 = 0
  /// The sum of the chunks' weighted lengths, in hundredths of a term.
  package var length: UInt64 = 0
  package var terms: [TermStatistics] = []
  /// The languages in which all shards analyse the query.
  package var languages: [String] = []

  package init() {}

  package init(_ statistics: LexicalStatistics, languages: [String]) {
    chunks = statistics.chunks
    length = statistics.length
    terms = statistics.frequencies.sorted { $0.key < $1.key }.map {
      TermStatistics(term: $0.key, documentFrequency: $0.value, weighedFrequency: 0)
    }
    self.languages = languages
  }

  package var statistics: LexicalStatistics {
    LexicalStatistics(chunks: chunks, length: length, terms) { $0.documentFrequency }
  }

  func write(to writer: inout WireWriter) {
    writer.uint(1, chunks)
    writer.uint(2, length)
    writer.messages(3, terms)
    writer.strings(4, languages.map { $0.isEmpty ? "-" : $0 })
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: chunks = try reader.uint64()
    case 2: length = try reader.uint64()
    case 3: terms.append(try reader.message(TermStatistics.self))
    case 4:
      let code = try reader.string()
      languages.append(code == "-" ? "" : code)
    default: return false
    }
    guard terms.count <= LexicalCandidates.termsMax, languages.count <= 2, chunks <= 1 << 40,
      length <= 1 << 60
    else { throw WireError(position: 0, rule: "more terms, languages or chunks than there can be") }
    return true
  }
}
