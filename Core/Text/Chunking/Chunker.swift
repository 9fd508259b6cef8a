import Cryptography
import Parsing
import Records
import Tokenizer

/// Cuts a parsed document into chunks, measured in the encoder's tokens.
///
/// A chunk is a contiguous range of the extracted text. It ends at the end of a sentence where possible, and
/// never crosses a heading. Its heading path is embedded before its text.
package struct Chunker: Sendable {
  package static let textBytesMax = 8000
  /// `[CLS]` and `[SEP]`.
  private static let specialTokens = 2
  /// A heading path may take at most one part in this many of a chunk's tokens.
  private static let headingShare = 4

  package let tokensMax: Int
  package let overlapTokens: Int
  private let tokenizer: WordPieceTokenizer

  /// - Precondition: `overlapTokens < tokensMax`, both validated by Settings.
  package init(tokenizer: WordPieceTokenizer, tokensMax: Int, overlapTokens: Int) {
    self.tokenizer = tokenizer
    self.tokensMax = tokensMax
    self.overlapTokens = overlapTokens
  }

  /// A warning, with the factor, when these settings make many vectors; nil otherwise.
  package var warning: String? {
    let factor = Double(tokensMax) / Double(tokensMax - overlapTokens)
    if overlapTokens * 2 >= tokensMax {
      return "overlap of \(overlapTokens) in chunks of \(tokensMax) tokens makes "
        + "\(Self.rounded(factor)) times as many vectors as no overlap"
    }
    if tokensMax < 64 {
      return
        "chunks of \(tokensMax) tokens make \(Self.rounded(256 * factor / Double(tokensMax))) times as many "
        + "vectors as chunks of 256 without overlap"
    }
    return nil
  }

  private static func rounded(_ number: Double) -> Double { (number * 10).rounded() / 10 }

  private struct Unit {
    var range: Range<Int>
    var tokenCount: Int
  }

  /// The chunks, and the number of tokens that the document has without overlap.
  package struct Result: Sendable {
    package var chunks: [Chunk]
    package var documentTokens: Int
  }

  package func chunks(of document: ParsedDocument) -> Result {
    var result = Result(chunks: [], documentTokens: 0)
    var section: [Unit] = []
    var path: [String] = []
    func close() {
      append(section, path, document.text, to: &result.chunks)
      section = []
    }
    for block in document.blocks {
      if block.headingPath != path {
        close()
        path = block.headingPath
      }
      if block.kind == .heading { continue }
      let budget = budget(for: path)
      for range in SentenceSplitter.sentences(
        in: document.text, block.range, linesAreSentences: block.kind == .code)
      {
        for unit in split(range, document.text, budget: budget) {
          section.append(unit)
          result.documentTokens += unit.tokenCount
        }
      }
    }
    close()
    if result.chunks.isEmpty, let heading = document.blocks.first {
      // A document that consists of headings must still be found, so its headings become its chunks.
      let whole = heading.range.lowerBound..<(document.blocks.last ?? heading).range.upperBound
      let units = split(whole, document.text, budget: budget(for: []))
      result.documentTokens = units.reduce(0) { $0 + $1.tokenCount }
      append(units, [], document.text, to: &result.chunks)
    }
    return result
  }

  private func prefix(_ path: [String]) -> String { path.isEmpty ? "" : path.joined(separator: " > ") + "\n" }

  private func budget(for path: [String]) -> Int {
    max(4, tokensMax - Self.specialTokens - tokenizer.tokenCount(prefix(shortened(path))))
  }

  /// The innermost headings that fit in the headings' share of a chunk.
  private func shortened(_ path: [String]) -> [String] {
    var kept: [String] = []
    var left = (tokensMax - Self.specialTokens) / Self.headingShare
    for title in path.reversed() {
      let count = tokenizer.tokenCount(title) + 1
      guard count <= left else { break }
      left -= count
      kept.insert(title, at: 0)
    }
    return kept
  }

  /// Cuts a sentence that is too long for a chunk between words, and a word that is too long between
  /// characters.
  private func split(_ range: Range<Int>, _ text: [UInt8], budget: Int) -> [Unit] {
    let whole = tokenizer.tokenCount(String(decoding: text[range], as: UTF8.self))
    if whole <= budget, range.count <= Self.textBytesMax { return [Unit(range: range, tokenCount: whole)] }
    var units: [Unit] = []
    var current = Unit(range: range.lowerBound..<range.lowerBound, tokenCount: 0)
    func close() {
      if !current.range.isEmpty, current.tokenCount > 0 { units.append(current) }
      current = Unit(range: current.range.upperBound..<current.range.upperBound, tokenCount: 0)
    }
    for word in words(range, text) {
      for piece in pieces(word, text, budget: budget) {
        if current.tokenCount + piece.tokenCount > budget
          || piece.range.upperBound - current.range.lowerBound > Self.textBytesMax
        {
          close()
          current = Unit(range: piece.range, tokenCount: piece.tokenCount)
        } else {
          current = Unit(
            range: (current.tokenCount == 0 ? piece.range.lowerBound : current.range.lowerBound)..<piece.range
              .upperBound,
            tokenCount: current.tokenCount + piece.tokenCount)
        }
      }
    }
    close()
    return units
  }

  private func words(_ range: Range<Int>, _ text: [UInt8]) -> [Range<Int>] {
    var words: [Range<Int>] = []
    var start = range.lowerBound
    for index in range
    where text[index] == 0x20 || text[index] == 0x0A || text[index] == 0x09 || text[index] == 0x0D {
      if start < index { words.append(start..<index) }
      start = index + 1
    }
    if start < range.upperBound { words.append(start..<range.upperBound) }
    return words
  }

  private func pieces(_ word: Range<Int>, _ text: [UInt8], budget: Int) -> [Unit] {
    let count = tokenizer.tokenCount(String(decoding: text[word], as: UTF8.self))
    if count <= budget, word.count <= Self.textBytesMax { return [Unit(range: word, tokenCount: count)] }
    // Halve at a character boundary until each half fits. A single character is never cut.
    var middle = word.lowerBound + word.count / 2
    while middle > word.lowerBound, text[middle] & 0xC0 == 0x80 { middle -= 1 }
    guard middle > word.lowerBound else { return [Unit(range: word, tokenCount: count)] }
    return pieces(word.lowerBound..<middle, text, budget: budget)
      + pieces(middle..<word.upperBound, text, budget: budget)
  }

  private func append(_ section: [Unit], _ fullPath: [String], _ text: [UInt8], to chunks: inout [Chunk]) {
    guard !section.isEmpty else { return }
    let path = shortened(fullPath)
    let budget = max(4, tokensMax - Self.specialTokens - tokenizer.tokenCount(prefix(path)))
    var first = 0
    while first < section.count {
      var end = first
      var tokens = 0
      while end < section.count,
        end == first
          || (tokens + section[end].tokenCount <= budget
            && section[end].range.upperBound - section[first].range.lowerBound <= Self.textBytesMax)
      {
        tokens += section[end].tokenCount
        end += 1
      }
      chunks.append(chunk(section[first..<end], path, tokens, text, number: chunks.count))
      if end == section.count { break }
      first = overlapStart(section, first: first, end: end)
    }
  }

  /// Steps back over whole units that fit in the overlap, but stays after the start of the previous chunk.
  private func overlapStart(_ section: [Unit], first: Int, end: Int) -> Int {
    var start = end
    var tokens = 0
    while start - 1 > first, tokens + section[start - 1].tokenCount <= overlapTokens {
      start -= 1
      tokens += section[start].tokenCount
    }
    return start
  }

  private func chunk(_ units: ArraySlice<Unit>, _ path: [String], _ tokens: Int, _ text: [UInt8], number: Int)
    -> Chunk
  {
    var chunk = Chunk()
    let start = units.first?.range.lowerBound ?? 0
    let end = units.last?.range.upperBound ?? 0
    chunk.number = UInt32(number)
    chunk.text = String(decoding: text[start..<end], as: UTF8.self)
    chunk.headingPath = path
    chunk.start = UInt64(start)
    chunk.end = UInt64(end)
    chunk.tokenCount = UInt32(tokens)
    chunk.contentHash = SHA256.digest(Array(chunk.embeddedText.utf8))
    return chunk
  }
}
