import Cryptography
import Parsing
import Records
import Tokenizer

/// Cuts a parsed document into chunks, measured in the encoder's tokens.
///
/// A chunk is a contiguous range of the extracted text. It ends at the end of a sentence where possible, and crosses a
/// heading only between sections of a few words. Its heading path is embedded before its text.
package struct Chunker: Sendable {
  package static let textBytesMax = 8000
  /// `[CLS]` and `[SEP]`.
  private static let specialTokens = 2
  /// The divisor of the share of a heading path or a table's column names: at most a quarter of a chunk's tokens.
  private static let headingShare = 4
  /// The heading path is stored with each chunk, so its bytes are limited too: a word of 10,000 letters is one token.
  private static let headingBytesMax = 1000
  /// Without this limit, units of no tokens (characters that the model does not see) could repeat whole chunks.
  private static let overlapBytesMax = 1000
  /// Smaller sections share a chunk with their neighbours. Otherwise a document with one word under each heading would
  /// become as many vectors as it has words.
  private static let sectionTokensMin = 4

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
    /// The context besides that of the section: the block's, or, in the later pieces of a long row, the row's first
    /// cell.
    var context = ""
    /// Where sentences end inside a unit that was joined from small sections.
    var innerEnds: [Int] = []
  }

  /// The text below one heading path.
  private struct Section {
    var path: HeadingPath
    var units: [Unit]
    /// The column names, for rows of a table. Rows share chunks with nothing else.
    var context: RowContext?
    /// The offset of its first heading or, without a heading, of its text.
    var start = 0
    var tokenCount: Int { units.reduce(0) { $0 + $1.tokenCount } }
  }

  /// The names of a table's columns, tokenised once.
  private struct RowContext: Equatable {
    var text: String
    /// As much of it as fits in its share of a chunk.
    var shortened = ""
    var tokenCount = 0
  }

  /// A heading path whose titles are tokenised once, however many sections are below them.
  private struct HeadingPath {
    var titles: [String] = []
    /// The tokens of each title and its separator.
    var tokenCounts: [Int] = []
    /// The innermost titles that fit in the headings' share of a chunk.
    var shortened: [String] = []
    /// Tokens that a chunk has left for its text.
    var budget = 0
  }

  /// The chunks, and the number of tokens that the document has without overlap.
  package struct Result: Sendable {
    package var chunks: [Chunk]
    package var documentTokens: Int
  }

  /// - Parameters:
  ///   - chunksMax: the most chunks that a document may become.
  ///   - limit: the time at which the work is given up.
  /// - Throws: `ChunkingError` when one of the limits is reached.
  package func chunks(
    of document: ParsedDocument, chunksMax: Int = .max, until limit: ContinuousClock.Instant? = nil
  ) throws(ChunkingError) -> Result {
    var result = Result(chunks: [], documentTokens: 0)
    var section = Section(path: extended(HeadingPath(), to: []), units: [])
    /// Small sections, already joined, that may take further ones.
    var small: Section?
    /// The offset of the first heading since the last text.
    var heading: Int?
    let mark = Self.cellMark(document)
    func closeSmall() throws(ChunkingError) {
      guard let sections = small else { return }
      small = nil
      try append(sections, document.text, chunksMax, to: &result.chunks)
    }
    func close() throws(ChunkingError) {
      guard !section.units.isEmpty else { return }
      if section.context != nil || section.tokenCount >= Self.sectionTokensMin {
        try closeSmall()
        try append(section, document.text, chunksMax, to: &result.chunks)
      } else if let waiting = small, let both = joined(waiting, section, document.text) {
        small = both
      } else {
        try closeSmall()
        small = section
      }
      section.units = []
    }
    for block in document.blocks {
      if let limit, ContinuousClock.now > limit { throw .tookTooLong }
      if block.headingPath != section.path.titles || block.kind == .heading {
        try close()
        section.path = extended(section.path, to: block.headingPath)
      }
      let context = block.kind == .row ? block.context : nil
      if context != section.context?.text {
        try close()
        section.context = context.map(rowContext)
      }
      if block.kind == .heading {
        heading = heading ?? block.range.lowerBound
        continue
      }
      let ranges =
        block.kind == .row
        ? [block.range]
        : SentenceSplitter.sentences(in: document.text, block.range, linesAreSentences: block.kind == .code)
      for range in ranges {
        let budget = max(4, section.path.budget - (section.context?.tokenCount ?? 0))
        let units =
          block.kind == .row
          ? try splitRow(range, document.text, mark: mark, budget: budget, limit)
          : try split(range, document.text, budget: budget, limit)
        for var unit in units {
          if block.kind != .row { unit.context = block.context }
          if section.units.isEmpty { section.start = heading ?? unit.range.lowerBound }
          heading = nil
          section.units.append(unit)
          result.documentTokens += unit.tokenCount
        }
      }
    }
    try close()
    try closeSmall()
    if result.chunks.isEmpty, let heading = document.blocks.first {
      // A document that consists of headings must still be found, so its headings become its chunks.
      let whole = heading.range.lowerBound..<(document.blocks.last ?? heading).range.upperBound
      let path = extended(HeadingPath(), to: [])
      let units = try split(whole, document.text, budget: path.budget, limit)
      result.documentTokens = units.reduce(0) { $0 + $1.tokenCount }
      try append(Section(path: path, units: units), document.text, chunksMax, to: &result.chunks)
    }
    return result
  }

  /// Joins two small sections into one, with the headings between them in its text; nil when a chunk can't hold it.
  private func joined(_ first: Section, _ second: Section, _ text: [UInt8]) -> Section? {
    guard let end = second.units.last?.range.upperBound, let begin = first.units.first?.range.lowerBound,
      let middle = first.units.last?.range.upperBound, let next = second.units.first?.range.lowerBound,
      first.start <= begin, middle <= next, end - first.start <= Self.textBytesMax
    else { return nil }
    let common = zip(first.path.titles, second.path.titles).prefix { $0 == $1 }.map(\.0)
    // Their headings become a part of the text.
    let headings = [first.start..<begin, middle..<next].reduce(0) {
      $0 + tokenizer.tokenCount(String(decoding: text[$1], as: UTF8.self))
    }
    let count = first.tokenCount + headings + second.tokenCount
    let path = extended(first.path, to: common)
    guard count <= path.budget else { return nil }
    return Section(
      path: path,
      units: [
        Unit(
          range: first.start..<end, tokenCount: count,
          innerEnds: (first.units + second.units).flatMap { $0.innerEnds + [$0.range.upperBound] })
      ], start: first.start)
  }

  private func rowContext(_ text: String) -> RowContext {
    var context = RowContext(text: text)
    var left = (tokensMax - Self.specialTokens) / Self.headingShare
    var names: [Substring] = []
    for name in text.split(separator: " | ", omittingEmptySubsequences: false) {
      let count = tokenizer.tokenCount(String(name)) + 1
      guard count <= left else { break }
      left -= count
      names.append(name)
    }
    context.shortened = names.joined(separator: " | ")
    context.tokenCount = tokenizer.tokenCount(context.shortened)
    return context
  }

  /// The bytes between the cells of a row: " | ", or the delimiter of a CSV file, whose text is kept unchanged.
  private static func cellMark(_ document: ParsedDocument) -> [UInt8] {
    guard document.format == .csv, case .string(let name)? = document.metadata["csv_delimiter"] else {
      return Array(" | ".utf8)
    }
    return name == "tab" ? [0x09] : Array(name.utf8)
  }

  /// Cuts a row that is too long for a chunk between its cells. Later pieces have the row's first cell as their
  /// context.
  private func splitRow(
    _ range: Range<Int>, _ text: [UInt8], mark: [UInt8], budget: Int, _ limit: ContinuousClock.Instant?
  ) throws(ChunkingError) -> [Unit] {
    let whole = tokenizer.tokenCount(String(decoding: text[range], as: UTF8.self))
    if whole <= budget, range.count <= Self.textBytesMax { return [Unit(range: range, tokenCount: whole)] }
    var cells: [Range<Int>] = []
    var start = range.lowerBound
    var index = start
    var isQuoted = false
    while index + mark.count <= range.upperBound {
      // A quoted CSV field may contain the delimiter.
      if mark.count == 1, text[index] == UInt8(ascii: "\"") { isQuoted.toggle() }
      if !isQuoted, text[index..<index + mark.count].elementsEqual(mark) {
        cells.append(start..<index)
        index += mark.count
        start = index
      } else {
        index += 1
      }
    }
    cells.append(start..<range.upperBound)
    // Cut the first cell between characters.
    var firstEnd = min(cells[0].upperBound, cells[0].lowerBound + 200)
    while firstEnd > cells[0].lowerBound, firstEnd < cells[0].upperBound, text[firstEnd] & 0xC0 == 0x80 {
      firstEnd -= 1
    }
    let first = cells.count > 1 ? String(decoding: text[cells[0].lowerBound..<firstEnd], as: UTF8.self) : ""
    let left = max(4, budget - tokenizer.tokenCount(first))
    var units: [Unit] = []
    for cell in cells {
      for var piece in try split(cell, text, budget: left, limit) {
        if let last = units.last, last.tokenCount + piece.tokenCount < left,
          piece.range.upperBound - last.range.lowerBound <= Self.textBytesMax
        {
          units[units.count - 1].range = last.range.lowerBound..<piece.range.upperBound
          units[units.count - 1].tokenCount += piece.tokenCount + 1
        } else {
          piece.context = units.isEmpty ? "" : first
          units.append(piece)
        }
      }
    }
    return units
  }

  private func prefix(_ path: [String]) -> String { path.isEmpty ? "" : path.joined(separator: " > ") + "\n" }

  /// The path for these titles. Leading titles that `path` already has are not tokenised again.
  private func extended(_ path: HeadingPath, to titles: [String]) -> HeadingPath {
    var new = HeadingPath(titles: titles)
    let known = zip(path.titles, titles).prefix { $0 == $1 }.count
    new.tokenCounts =
      path.tokenCounts.prefix(known) + titles[known...].map { tokenizer.tokenCount($0) + 1 }
    var left = (tokensMax - Self.specialTokens) / Self.headingShare
    var bytes = Self.headingBytesMax
    for (title, count) in zip(titles, new.tokenCounts).reversed() {
      guard count <= left, title.utf8.count <= bytes else { break }
      left -= count
      bytes -= title.utf8.count
      new.shortened.insert(title, at: 0)
    }
    new.budget = max(4, tokensMax - Self.specialTokens - tokenizer.tokenCount(prefix(new.shortened)))
    return new
  }

  /// Cuts a sentence that is too long for a chunk between words, and a word that is too long between
  /// characters.
  private func split(
    _ range: Range<Int>, _ text: [UInt8], budget: Int, _ limit: ContinuousClock.Instant?
  ) throws(ChunkingError) -> [Unit] {
    if let limit, ContinuousClock.now > limit { throw .tookTooLong }
    let whole = tokenizer.tokenCount(String(decoding: text[range], as: UTF8.self))
    if whole <= budget, range.count <= Self.textBytesMax { return [Unit(range: range, tokenCount: whole)] }
    var units: [Unit] = []
    var current = Unit(range: range.lowerBound..<range.lowerBound, tokenCount: 0)
    func close() {
      if !current.range.isEmpty, current.tokenCount > 0 { units.append(current) }
      current = Unit(range: current.range.upperBound..<current.range.upperBound, tokenCount: 0)
    }
    for word in words(range, text) {
      for piece in try pieces(word, text, budget: budget, limit) {
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

  private func pieces(
    _ word: Range<Int>, _ text: [UInt8], budget: Int, _ limit: ContinuousClock.Instant?
  ) throws(ChunkingError) -> [Unit] {
    if let limit, ContinuousClock.now > limit { throw .tookTooLong }
    let count = tokenizer.tokenCount(String(decoding: text[word], as: UTF8.self))
    if count <= budget, word.count <= Self.textBytesMax { return [Unit(range: word, tokenCount: count)] }
    // Halve at a character boundary until each half fits. A single character is never cut.
    var middle = word.lowerBound + word.count / 2
    while middle > word.lowerBound, text[middle] & 0xC0 == 0x80 { middle -= 1 }
    guard middle > word.lowerBound else { return [Unit(range: word, tokenCount: count)] }
    return try pieces(word.lowerBound..<middle, text, budget: budget, limit)
      + pieces(middle..<word.upperBound, text, budget: budget, limit)
  }

  private func append(_ section: Section, _ text: [UInt8], _ chunksMax: Int, to chunks: inout [Chunk])
    throws(ChunkingError)
  {
    let units = section.units
    var first = 0
    while first < units.count {
      var end = first
      var tokens = 0
      while end < units.count,
        end == first
          || (tokens + units[end].tokenCount <= section.path.budget - (section.context?.tokenCount ?? 0)
            && (section.context == nil || (units[end].context.isEmpty && units[first].context.isEmpty))
            && units[end].range.upperBound - units[first].range.lowerBound <= Self.textBytesMax)
      {
        tokens += units[end].tokenCount
        end += 1
      }
      guard chunks.count < chunksMax else { throw .tooMany(chunksMax) }
      chunks.append(chunk(units[first..<end], section, tokens, text, number: chunks.count))
      if end == units.count { break }
      // Rows of a table do not overlap: a repeated row adds no information.
      first = section.context == nil ? overlapStart(units, first: first, end: end) : end
    }
  }

  /// Steps back over whole units that fit in the overlap, but stays after the start of the previous chunk.
  private func overlapStart(_ section: [Unit], first: Int, end: Int) -> Int {
    var start = end
    var tokens = 0
    while start - 1 > first, tokens + section[start - 1].tokenCount <= overlapTokens,
      section[end - 1].range.upperBound - section[start - 1].range.lowerBound <= Self.overlapBytesMax
    {
      start -= 1
      tokens += section[start].tokenCount
    }
    return start
  }

  private func chunk(
    _ units: ArraySlice<Unit>, _ section: Section, _ tokens: Int, _ text: [UInt8], number: Int
  )
    -> Chunk
  {
    var chunk = Chunk()
    let start = units.first?.range.lowerBound ?? 0
    let end = units.last?.range.upperBound ?? 0
    chunk.number = UInt32(number)
    chunk.text = String(decoding: text[start..<end], as: UTF8.self)
    chunk.headingPath = section.path.shortened
    // Only a context that all units share: the chunk's context is shown beside every quote from it.
    let own = Set(units.map(\.context)).count == 1 ? units.first?.context ?? "" : ""
    chunk.context = [section.context?.shortened ?? "", own].filter { !$0.isEmpty }.joined(separator: "; ")
    chunk.sentenceEnds = SentenceEnds(
      units.flatMap { $0.innerEnds + [$0.range.upperBound] }.filter { $0 > start }.map { $0 - start })
    chunk.start = UInt64(start)
    chunk.end = UInt64(end)
    chunk.tokenCount = UInt32(tokens)
    chunk.contentHash = SHA256.digest(Array(chunk.embeddedText.utf8))
    return chunk
  }
}
