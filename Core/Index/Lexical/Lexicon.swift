import Analysis
import Cryptography
import Records
import Synchronization

/// Numbers the terms of chunks in memory. The terms of each piece of text (the bytes between white space) are
/// remembered, because many pieces occur again.
package final class Lexicon: Sendable {
  /// When a lexicon holds more bytes than this, the next head gets a new one.
  package static let byteCountMax = 48 << 20
  /// Pieces with more bytes are not remembered: they are analysed each time.
  fileprivate static let pieceBytesMax = 64

  fileprivate struct State {
    let analyser: Analyser
    var languages: [Language: UInt8] = [:]
    var pieces = ByteTable()
    /// The terms of piece n are `pieceTerms[pieceEnds[n]..<pieceEnds[n + 1]]`.
    var pieceEnds = [0]
    var pieceTerms: [UInt32] = []
    var terms = ByteTable()
    /// The counts (`TermCounts`) of the chunk that is being analysed, by term number.
    var counts: [UInt32] = []
    var touched: [UInt32] = []
  }

  private let state: Mutex<State>

  package init(_ rules: AnalysisRules) { state = Mutex(State(analyser: Analyser(rules))) }

  package var termCount: Int { state.withLock { $0.terms.count } }
  package var byteCount: Int { state.withLock { $0.byteCount } }
  package var isFull: Bool { byteCount > Self.byteCountMax }

  package func term(_ number: UInt32) -> [UInt8] {
    state.withLock { Array($0.terms.string(Int(number)).dropFirst()) }
  }

  /// The numbers of terms; nil for a term that no chunk has.
  package func numbers(of terms: [[UInt8]]) -> [UInt32?] {
    state.withLock { state in
      terms.map { state.terms.find($0, $0.indices, kind: 0).map(UInt32.init) }
    }
  }

  /// Analyses a document's chunks.
  package func words(of chunks: [Chunk], title: String, language: Language) -> [RowWords] {
    state.withLock { $0.words(of: chunks, title: title, language: language) }
  }
}

extension Lexicon.State {
  var byteCount: Int {
    pieces.byteCount + pieceTerms.count * 4 + pieceEnds.count * 8 + terms.byteCount + counts.count * 4
  }

  mutating func words(of chunks: [Chunk], title: String, language: Language) -> [RowWords] {
    // There are fewer languages than a byte has values.
    let kind = languages[language] ?? UInt8(languages.count)
    languages[language] = kind
    var title = terms(of: title, language, kind)
    var headings: (path: [String], terms: [UInt32]) = ([], [])
    if title.count > 0xFFFF { title.removeLast(title.count - 0xFFFF) }
    return chunks.map { chunk in
      if chunk.headingPath != headings.path {
        headings = (chunk.headingPath, terms(of: chunk.headingPath.joined(separator: "\n"), language, kind))
      }
      var lengths = FieldLengths()
      add(terms(of: chunk.text, language, kind), .text, &lengths)
      add(title, .title, &lengths)
      add(headings.terms, .headings, &lengths)
      if !chunk.context.isEmpty { add(terms(of: chunk.context, language, kind), .context, &lengths) }
      touched.sort()
      let words = RowWords(
        terms: touched, counts: touched.map { TermCounts(bits: counts[Int($0)]) }, lengths: lengths,
        textHash: Lexicon.hash(of: chunk.text))
      for term in touched { counts[Int(term)] = 0 }
      touched.removeAll(keepingCapacity: true)
      return words
    }
  }

  private mutating func add(_ terms: [UInt32], _ field: TermField, _ lengths: inout FieldLengths) {
    lengths.set(field, to: terms.count)
    for term in terms {
      if counts[Int(term)] == 0 { touched.append(term) }
      var count = TermCounts(bits: counts[Int(term)])
      count.add(field)
      counts[Int(term)] = count.bits
    }
  }

  private mutating func terms(of text: String, _ language: Language, _ kind: UInt8) -> [UInt32] {
    let bytes = Array(text.utf8)
    var found: [UInt32] = []
    Analyser.pieces(of: bytes) { range in
      guard range.count <= Lexicon.pieceBytesMax else {
        found += numbers(analyser.terms(ofPiece: Array(bytes[range]), language))
        return
      }
      if let known = pieces.find(bytes, range, kind: kind) {
        for index in pieceEnds[known]..<pieceEnds[known + 1] { found.append(pieceTerms[index]) }
        return
      }
      let new = numbers(analyser.terms(ofPiece: Array(bytes[range]), language))
      _ = pieces.insert(bytes, range, kind: kind)
      pieceTerms += new
      pieceEnds.append(pieceTerms.count)
      found += new
    }
    return found
  }

  private mutating func numbers(_ new: [[UInt8]]) -> [UInt32] {
    new.map { term in
      if let known = terms.find(term, term.indices, kind: 0) { return UInt32(known) }
      counts.append(0)
      return UInt32(terms.insert(term, term.indices, kind: 0))
    }
  }
}

extension Lexicon {
  /// A hash that is the same for texts that differ only in case, Unicode compatibility forms and white space.
  package static func hash(of text: String) -> UInt64 {
    let bytes = Array(text.utf8)
    var folded: [UInt8] = []
    folded.reserveCapacity(bytes.count)
    Analyser.pieces(of: bytes) { range in
      if !folded.isEmpty { folded.append(0x20) }
      folded += Analyser.foldedCase(bytes[range])
    }
    return SHA256.digest(folded).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }
}
