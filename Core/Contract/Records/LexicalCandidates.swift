/// What one shard says of the words of a query beside its hits.
package struct LexicalCandidates: Sendable, Equatable, WireMessage {
  /// The query's terms, in its order.
  package var terms: [TermStatistics] = []
  /// The tenant's live chunks in this shard, and their weighted lengths in hundredths.
  package var chunks: UInt64 = 0
  package var length: UInt64 = 0
  /// Those that terms were weighed with.
  package var weighedChunks: UInt64 = 0
  package var weighedLength: UInt64 = 0
  /// The tenant's live chunks in this shard, by language.
  package var languages: [LanguageCount] = []
  /// The languages in which the query was analysed.
  package var analysed: [String] = []
  /// Whether the query has more terms than were searched for.
  package var isCut = false
  /// Whether the query came with what terms must be weighed with.
  package var isShared = false
  /// Whether chunks with the same text had different scores, so that other weights could prefer another one.
  package var hasUnequalCopies = false

  /// A query is searched for so many terms at most, and tenants have so many languages.
  package static let termsMax = 128
  package static let languagesMax = 255

  package init() {}

  /// Of this shard's live chunks.
  package var statistics: LexicalStatistics {
    LexicalStatistics(chunks: chunks, length: length, terms) { $0.documentFrequency }
  }

  /// What terms were weighed with.
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
    // An unknown language is an empty string, which an absent field would lose.
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
