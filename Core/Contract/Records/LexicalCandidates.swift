/// The statistics of a query's terms that one shard sends together with its hits.
package struct LexicalCandidates: Sendable, Equatable, WireMessage {
  /// The query's terms, in its order.
  package var terms: [TermStatistics] = []
  /// The number of the tenant's live chunks in this shard, and the sum of their weighted lengths, in hundredths of a
  /// term.
  package var chunks: UInt64 = 0
  package var length: UInt64 = 0
  /// The same two numbers as they were used to weigh the terms: of this shard, or of all shards.
  package var weighedChunks: UInt64 = 0
  package var weighedLength: UInt64 = 0
  /// The tenant's live chunks in this shard, by language.
  package var languages: [LanguageCount] = []
  /// The languages in which the query was analysed.
  package var analysed: [String] = []
  /// Whether the query has more terms than were searched for.
  package var isCut = false
  /// Whether the query came with the `SharedStatistics` with which all shards must weigh the terms.
  package var isShared = false
  /// Whether chunks with the same text had different scores, so that with other weights another one could be the best.
  package var hasUnequalCopies = false

  /// The most terms of a query that are searched for, and the most languages of a tenant.
  package static let termsMax = 128
  package static let languagesMax = 255

  package init() {}

  /// The statistics of this shard's live chunks.
  package var statistics: LexicalStatistics {
    LexicalStatistics(chunks: chunks, length: length, terms) { $0.documentFrequency }
  }

  /// The statistics with which this shard weighed the terms.
  package var weighed: LexicalStatistics {
    LexicalStatistics(chunks: weighedChunks, length: weighedLength, terms) { $0.weighedFrequency }
  }

  func write(to writer: inout WireWriter) {
    writer.messages(1, terms)
    writer.uint(2, chunks)
    writer.uint(3, length)
    writer.uint(4, weighedChunks)
    writer.uint(5, weighedLength)
    writer.messages(6, languages)
    // The code of an unknown language is an empty string; it is written as `-`.
    writer.strings(7, analysed.map { $0.isEmpty ? "-" : $0 })
    writer.bool(8, isCut)
    writer.bool(9, isShared)
    writer.bool(10, hasUnequalCopies)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: terms.append(try reader.message(TermStatistics.self))
    case 2: chunks = try reader.uint64()
    case 3: length = try reader.uint64()
    case 4: weighedChunks = try reader.uint64()
    case 5: weighedLength = try reader.uint64()
    case 6: languages.append(try reader.message(LanguageCount.self))
    case 7:
      let code = try reader.string()
      analysed.append(code == "-" ? "" : code)
    case 8: isCut = try reader.bool()
    case 9: isShared = try reader.bool()
    case 10: hasUnequalCopies = try reader.bool()
    default: return false
    }
    guard terms.count <= Self.termsMax, languages.count <= Self.languagesMax, analysed.count <= 2 else {
      throw WireError(position: 0, rule: "more terms or languages than a query has")
    }
    return true
  }
}
