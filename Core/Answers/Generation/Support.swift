import Foundation

/// Whether a sentence of the context supports a sentence of an LLM's. A value: no model, no I/O.
///
/// A vector tells that two sentences speak of the same; it does not tell 2 from 3, or "must" from "must not". So,
/// beside the cosine, every number must stand in the source, most words that carry meaning must, and both must deny or
/// neither.
package struct Support: Sendable {
  /// The share of a sentence's words that must stand in its source or its heading. Words of the question do not count:
  /// "The orders database is kept for ten years" would pass by them, with a source that speaks of another database.
  private static let wordShare = 0.8
  /// The share that must stand in the source itself: a sentence that only repeats a heading says nothing.
  private static let ownShare = 0.5
  private static let negations: Set<String> = [
    "not", "no", "never", "none", "nobody", "nothing", "neither", "nor", "without", "cannot",
  ]

  private let scoreMin: Double

  package init(scoreMin: Double) { self.scoreMin = scoreMin }

  /// - Parameter score: cosine of the two sentences.
  package func holds(_ sentence: String, source: String, heading: String, score: Double) -> Bool {
    if Self.quotes(source, sentence) { return true }
    guard !Self.folded(heading).contains(Self.folded(sentence)), score >= scoreMin,
      Self.numbers(sentence).isSubset(of: Self.numbers(source)),
      Self.denies(sentence) == Self.denies(source)
    else { return false }
    let own = Set(Self.words(source).map(Self.stem))
    let known = own.union(Self.words(heading).map(Self.stem))
    let words = Self.words(sentence).filter { $0.count >= 4 && !$0.contains(where: \.isNumber) }.map(
      Self.stem)
    let count = Double(words.count)
    return !words.isEmpty && Double(words.filter(known.contains).count) >= Self.wordShare * count
      && Double(words.filter(own.contains).count) >= Self.ownShare * count
  }

  /// Whether a sentence stands in a source word for word: nothing is added that could be wrong.
  static func quotes(_ source: String, _ sentence: String) -> Bool {
    let folded = folded(sentence)
    return folded.count >= 2 && contains(Self.folded(source), folded)
  }

  private static func folded(_ text: String) -> String {
    text.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
      .trimmingCharacters(in: CharacterSet(charactersIn: ".!?\"'* "))
  }

  /// As whole words: "5" does not stand in "35 days".
  private static func contains(_ text: String, _ part: String) -> Bool {
    guard !part.isEmpty, let range = text.range(of: part) else { return false }
    func isWord(_ character: Character?) -> Bool { character.map { $0.isLetter || $0.isNumber } ?? false }
    let before = range.lowerBound > text.startIndex ? text[text.index(before: range.lowerBound)] : nil
    let after = range.upperBound < text.endIndex ? text[range.upperBound] : nil
    return !isWord(before) && !isWord(after)
  }

  static func words(_ text: String) -> [String] {
    text.lowercased().split { !($0.isLetter || $0.isNumber || $0 == "'" || $0 == "’") }.map(String.init)
  }

  /// The first letters: enough to match "backups" with "backed up" seldom, and "keep" with "kept" never.
  static func stem(_ word: String) -> String { String(word.prefix(5)) }

  private static func denies(_ text: String) -> Bool {
    words(text).contains { negations.contains($0) || $0.hasSuffix("n't") || $0.hasSuffix("n’t") }
  }

  private static let numberWords: [String: String] = [
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15",
    "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19", "twenty": "20", "thirty": "30",
    "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90",
    "hundred": "100", "thousand": "1000", "million": "1000000",
  ]

  /// Digits with the points, commas and colons between them, the latter as they are read: 1,000 is 1000.
  private static func numbers(_ text: String) -> Set<String> {
    var numbers = Set(words(text).compactMap { numberWords[$0] })
    var current = ""
    func close() {
      let number = current.trimmingCharacters(in: CharacterSet(charactersIn: ".,:")).replacing(",", with: "")
      if !number.isEmpty { numbers.insert(number) }
      current = ""
    }
    for character in text {
      if character.isNumber || (!current.isEmpty && ".,:".contains(character)) {
        current.append(character)
      } else {
        close()
      }
    }
    close()
    return numbers
  }
}
