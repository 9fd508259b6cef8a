/// Splits text into sentences, for the chunker and for answers.
package enum SentenceSplitter {
  private static let abbreviations: Set<String> = [
    "e.g", "i.e", "mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "no", "fig", "al", "cf", "approx",
    "inc",
    "ltd", "co", "jr", "sr", "u.s", "u.k", "vol", "pp", "ca", "gen", "col", "sgt", "capt", "rev", "hon",
    "dept",
  ]

  /// Byte ranges of the sentences in `text[range]`, in order, without the white space around them. A blank
  /// line ends a sentence.
  ///
  /// - Parameter linesAreSentences: true for code and tables, where each line is a unit.
  package static func sentences(in text: [UInt8], _ range: Range<Int>, linesAreSentences: Bool = false)
    -> [Range<Int>]
  {
    var result: [Range<Int>] = []
    var start = range.lowerBound
    var index = range.lowerBound
    func close(at end: Int) {
      var from = start
      var to = end
      while from < to, isBlank(text[from]) { from += 1 }
      while to > from, isBlank(text[to - 1]) { to -= 1 }
      if from < to { result.append(from..<to) }
      start = end
    }
    while index < range.upperBound {
      let byte = text[index]
      if linesAreSentences {
        index += 1
        if byte == 0x0A { close(at: index) }
        continue
      }
      if byte == UInt8(ascii: ".") || byte == UInt8(ascii: "!") || byte == UInt8(ascii: "?") {
        var end = index + 1
        while end < range.upperBound, isCloser(text[end]) { end += 1 }
        if end < range.upperBound, isBlank(text[end]), startsSentence(text, after: end, range.upperBound),
          byte != UInt8(ascii: ".") || !endsWithAbbreviation(text, start..<index)
        {
          close(at: end)
        }
        index = end
      } else if byte == 0x0A, isBlankLine(text, after: index, range.upperBound) {
        close(at: index)
        index += 1
      } else if isIdeographicStop(text, index, range.upperBound) {
        close(at: index + 3)
        index += 3
      } else {
        index += 1
      }
    }
    close(at: range.upperBound)
    return result
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
  }

  private static func isBlankLine(_ text: [UInt8], after index: Int, _ end: Int) -> Bool {
    text[(index + 1)..<end].first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D } == 0x0A
  }

  private static func isCloser(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: ")")
      || byte == UInt8(ascii: "]")
      || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "!") || byte == UInt8(ascii: "?")
  }

  /// A lower-case letter after the full stop means that the sentence continues.
  private static func startsSentence(_ text: [UInt8], after position: Int, _ end: Int) -> Bool {
    guard let next = text[position..<end].first(where: { !isBlank($0) }) else { return true }
    return !(UInt8(ascii: "a")...UInt8(ascii: "z")).contains(next)
  }

  private static func endsWithAbbreviation(_ text: [UInt8], _ range: Range<Int>) -> Bool {
    var from = range.upperBound
    while from > range.lowerBound, !isBlank(text[from - 1]), text[from - 1] != UInt8(ascii: "(") { from -= 1 }
    let word = String(decoding: text[from..<range.upperBound], as: UTF8.self).lowercased()
    return abbreviations.contains(word) || (word.utf8.count == 1 && word.first?.isLetter == true)
  }

  private static func isIdeographicStop(_ text: [UInt8], _ index: Int, _ end: Int) -> Bool {
    guard index + 2 < end else { return false }
    let three = (text[index], text[index + 1], text[index + 2])
    return three == (0xE3, 0x80, 0x82) || three == (0xEF, 0xBC, 0x81) || three == (0xEF, 0xBC, 0x9F)
  }
}
