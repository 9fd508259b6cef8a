internal import CBreaks

/// Splits text into sentences, for the chunker and for answers: at the sentence breaks of ICU, corrected by
/// `SentenceRules`, and in Thai at spaces.
package enum SentenceSplitter {
  private static let openings: Set<[UInt8]> = Set("「『【（〔《〈“‘".map { Array(String($0).utf8) })
  /// The most bytes that ICU gets at a time. A longer sentence may be cut.
  private static let windowBytes = 1 << 20

  /// Byte ranges of the sentences in `text[range]`, in order, without the white space around them. A blank line ends a
  /// sentence; another line break does not, unless a list marker follows it.
  ///
  /// - Parameter linesAreSentences: true for code, logs and tables, where each line is a unit.
  package static func sentences(in text: [UInt8], _ range: Range<Int>, linesAreSentences: Bool = false)
    -> [Range<Int>]
  {
    var result: [Range<Int>] = []
    var start = range.lowerBound
    func close(at end: Int) {
      var (from, to) = (start, end)
      while from < to, isBlank(text[from]) { from += 1 }
      while to > from, isBlank(text[to - 1]) { to -= 1 }
      if from < to { result.append(from..<to) }
      start = end
    }
    if linesAreSentences {
      for index in range where text[index] == 0x0A { close(at: index + 1) }
    } else {
      for end in breaks(text, range) where end > start {
        guard let real = self.end(text, start, end, range.upperBound) else { continue }
        for inner in SentenceRules.inner(text, start, real) { close(at: inner) }
        close(at: real > end ? real : withoutOpening(text, start, end))
      }
      for inner in SentenceRules.inner(text, start, range.upperBound) { close(at: inner) }
    }
    close(at: range.upperBound)
    return result
  }

  /// Leaves opening brackets to the next sentence: ICU adds them to the sentence before.
  private static func withoutOpening(_ text: [UInt8], _ start: Int, _ end: Int) -> Int {
    var end = end
    while end - 3 > start, openings.contains(Array(text[(end - 3)..<end])) { end -= 3 }
    return end
  }

  /// The ends of sentences that ICU finds, and the spaces of Thai.
  private static func breaks(_ text: [UInt8], _ range: Range<Int>) -> [Int] {
    var ends: [Int] = []
    var start = range.lowerBound
    while start < range.upperBound {
      var end = min(start + windowBytes, range.upperBound)
      while end < range.upperBound, end > start + 1, text[end] & 0xC0 == 0x80 { end -= 1 }
      // ICU ends a sentence at each line break, so line breaks inside a sentence become spaces.
      var joined = Array(text[start..<end])
      // Between paragraphs, only the first line break is kept. Each run of white space is scanned once: it may be as
      // long as the text.
      var index = 0
      while index < joined.count {
        guard joined[index] == 0x0A || joined[index] == 0x0D else {
          index += 1
          continue
        }
        var last = index
        while last < joined.count, isBlank(joined[last]) { last += 1 }
        let isEnd = isParagraphEnd(joined, index, joined.count)
        for place in index..<last where joined[place] == 0x0A || joined[place] == 0x0D {
          joined[place] = isEnd && place == index ? 0x0A : 0x20
        }
        index = last
      }
      var found = icu(joined)
      found += thaiSpaces(joined)
      ends += Set(found).sorted().map { start + $0 }
      start = end
    }
    return ends
  }

  private static func icu(_ bytes: [UInt8]) -> [Int] {
    // Nearly all texts have fewer than one sentence per 20 bytes. For the others, ICU is asked again with enough room.
    var ends = [Int64](repeating: 0, count: bytes.count / 20 + 16)
    for _ in 0..<2 {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe millrace_sentence_ends(
          buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count, &ends, ends.count)
      }
      guard count > 0 else { return [] }
      if count <= ends.count { return ends.prefix(count).map { Int($0) } }
      ends = [Int64](repeating: 0, count: count)
    }
    return []
  }

  /// Thai marks no sentence ends; a space stands between clauses.
  private static func thaiSpaces(_ bytes: [UInt8]) -> [Int] {
    guard bytes.contains(0xE0) else { return [] }
    func isThai(_ index: Int) -> Bool {
      index >= 0 && index + 1 < bytes.count && bytes[index] == 0xE0
        && (bytes[index + 1] == 0xB8 || bytes[index + 1] == 0xB9)
    }
    return bytes.indices.filter { bytes[$0] == 0x20 && isThai($0 - 3) && isThai($0 + 1) }.map { $0 + 1 }
  }

  /// True for a blank line, and for a line break before a list marker.
  private static func isParagraphEnd(_ text: [UInt8], _ index: Int, _ end: Int) -> Bool {
    var next = index
    var breaks = 0
    while next < end, isBlank(text[next]) {
      if text[next] == 0x0A || (text[next] == 0x0D && !(next + 1 < end && text[next + 1] == 0x0A)) {
        breaks += 1
      }
      next += 1
    }
    return breaks > 1 || startsItem(text, next, end)
  }

  /// Whether a list marker begins here: `- `, `* `, `• `, `3. `, `3) ` or `b) `.
  private static func startsItem(_ text: [UInt8], _ index: Int, _ end: Int) -> Bool {
    guard index < end else { return false }
    func isBlankAt(_ position: Int) -> Bool { position < end && isBlank(text[position]) }
    if text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "*") { return isBlankAt(index + 1) }
    if text[index...].starts(with: [0xE2, 0x80, 0xA2]) { return true }
    if (0x61...0x7A).contains(text[index]), index + 1 < end, text[index + 1] == UInt8(ascii: ")") {
      return isBlankAt(index + 2)
    }
    let digits = text[index..<min(end, index + 4)].prefix { (0x30...0x39).contains($0) }.count
    guard digits > 0, digits < 4, index + digits < end else { return false }
    let mark = text[index + digits]
    return (mark == UInt8(ascii: ".") || mark == UInt8(ascii: ")")) && isBlankAt(index + digits + 1)
  }

  /// Where the sentence really ends that ICU ends at `end`; nil if no sentence ends there.
  private static func end(_ text: [UInt8], _ start: Int, _ end: Int, _ limit: Int) -> Int? {
    guard end < limit else { return end }
    var last = end
    while last > start, isBlank(text[last - 1]) { last -= 1 }
    let gap = text[last..<end]
    if gap.contains(0x0A) || gap.contains(0x0D), isParagraphEnd(text, last, limit) { return end }
    return SentenceRules.end(text, start, last, end, limit)
  }

  private static func isBlank(_ byte: UInt8) -> Bool { SentenceRules.isBlank(byte) }
}
