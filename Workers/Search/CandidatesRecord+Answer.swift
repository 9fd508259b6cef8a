import Engine
import Records

extension CandidatesRecord {
  /// Adds the hits and term statistics that an index found.
  ///
  /// - Parameter isShared: whether the query came with the statistics by which terms must be weighed.
  package mutating func add(_ answer: IndexAnswer, isShared: Bool) {
    hits = answer.matches.map(Self.hit)
    dense = answer.dense.map { Int32($0) }
    lexical = answer.lexical.map { Int32($0) }
    if !answer.terms.isEmpty || !answer.languages.isEmpty { words = Self.words(answer, isShared: isShared) }
  }

  private static func hit(_ match: IndexMatch) -> Hit {
    var document = match.document
    document.acl = nil  // this shard has checked who may read; later stages don't need the list
    // No later stage reads the next fields. At 30 hits a query, they would be a fifth of the record and of its
    // decoding.
    document.metadata = [:]
    document.source = ""
    document.language = ""
    document.reader = nil
    var chunk = match.chunk
    chunk.contentHash = []
    var hit = Hit(document: document, chunk: chunk, denseScore: match.score)
    hit.postings = match.counts.map {
      Hit.Posting(term: UInt32($0.term), frequency: UInt32(clamping: $0.frequency))
    }
    hit.length = UInt32(clamping: match.length)
    hit.textHash = match.textHash
    hit.copies = match.copies.map {
      TextCopy(
        document: $0.document.key, version: $0.document.version, chunk: $0.chunk, title: $0.document.title,
        uri: $0.document.uri, expiresAtMilliseconds: $0.document.expiresAtMilliseconds)
    }
    return hit
  }

  private static func words(_ answer: IndexAnswer, isShared: Bool) -> LexicalCandidates {
    var words = LexicalCandidates()
    words.terms = answer.terms.map { term in
      TermStatistics(
        term: term, documentFrequency: answer.statistics.frequencies[term] ?? 0,
        weighedFrequency: answer.weighed.frequencies[term] ?? 0,
        isIdentifier: answer.identifiers.contains(term))
    }
    words.chunks = answer.statistics.chunks
    words.length = answer.statistics.length
    words.weighedChunks = answer.weighed.chunks
    words.weighedLength = answer.weighed.length
    words.languages = answer.languages.sorted { $0.key < $1.key }.map {
      LanguageCount(code: $0.key.code, chunks: $0.value)
    }
    words.analysed = answer.analysed.map(\.code)
    words.isCut = answer.isCut
    words.isShared = isShared
    words.hasUnequalCopies = answer.hasUnequalCopies
    return words
  }
}
