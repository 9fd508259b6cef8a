import Tokenizer
import Foundation

/// Decides whether a sentence of the context supports a sentence of the LLM's answer. A value without model
/// and I/O.
///
/// Vectors show that two sentences are about the same subject, but not whether one says 2 and the other 3, or
/// "must" and "must not". So, beside a high enough cosine, the source must contain every number and most of
/// the longer words, and both sentences must have a negation or neither.
package struct Support: Sendable {
  /// The share of a sentence's words that must be in its source or the source's heading.
  ///
  /// Words of the question do not count. Otherwise "The orders database is kept for ten years" would pass
  /// with a source about another database.
  private static let wordShare = 0.8
  /// The share that must be in the source itself: a sentence that only repeats a heading says nothing.
  private static let ownShare = 0.5
  private static let negations: Set<String> = [
    "not", "no", "never", "none", "nobody", "nothing", "neither", "nor", "without", "cannot",
  ]

  private let scoreMin: Double

  package init(scoreMin: Double) { self.scoreMin = scoreMin }

  /// True if `source` supports `sentence`. A sentence that the source contains word for word needs no other
  /// check.
  ///
  /// - Parameter score: the cosine of the two sentences.
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

  /// True if the source contains the sentence word for word, so that nothing was added that could be wrong.
  static func quotes(_ source: String, _ sentence: String) -> Bool {
    let folded = folded(sentence)
    return folded.count >= 2 && contains(Self.folded(source), folded)
  }

  private static func folded(_ text: String) -> String {
    CompatibilityForms.folded(text).lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
      .trimmingCharacters(in: CharacterSet(charactersIn: ".!?\"'* "))
  }

  /// Compares whole words: "35 days" does not contain "5".
  private static func contains(_ text: String, _ part: String) -> Bool {
    guard !part.isEmpty, let range = text.range(of: part) else { return false }
    func isWord(_ character: Character?) -> Bool { character.map { $0.isLetter || $0.isNumber } ?? false }
    let before = range.lowerBound > text.startIndex ? text[text.index(before: range.lowerBound)] : nil
    let after = range.upperBound < text.endIndex ? text[range.upperBound] : nil
    return !isWord(before) && !isWord(after)
  }

  static func words(_ text: String) -> [String] {
    CompatibilityForms.folded(text).lowercased().split {
      !($0.isLetter || $0.isNumber || $0 == "'" || $0 == "’")
    }.map(String.init)
  }

  /// The first five letters. This matches "backup" with "backups", but not "keep" with "kept".
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

  /// Number words, and digits with the points and colons between them. Commas are removed: 1,000 is 1000.
  private static func numbers(_ text: String) -> Set<String> {
    let text = CompatibilityForms.folded(text)
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
