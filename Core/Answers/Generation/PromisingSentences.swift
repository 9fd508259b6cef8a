import Records
import Statements
import Tokenizer

/// Chooses the sentences of a context that are embedded for a question, by the rank of their passage and by the words
/// that they share with the question.
struct PromisingSentences {
  struct Candidate {
    var item: ContextItem
    /// The passage's position in the context, from 0 for the best.
    var rank: Int
    var range: Range<Int>
    var quote: String
    var heading: String?
  }

  private let asked: Set<String>
  private let marks: [String]

  init(_ question: String, _ focus: QuestionFocus) {
    asked = Set(Self.words(question).filter { $0.utf8.count >= 3 }.map(Self.stem))
    marks = focus.identifiers.flatMap { Self.words($0.text) }.filter { $0.contains(where: \.isNumber) }
  }

  /// - Returns: at most `countMax`, in the order of the context.
  func choose(_ candidates: [Candidate], countMax: Int) -> [Candidate] {
    guard candidates.count > countMax else { return candidates }
    let promise = candidates.map { candidate in
      let heading = candidate.item.headingPath.last ?? candidate.item.document.title
      let words = Self.words(
        candidate.heading
          ?? "\(heading) \(candidate.item.context) \(candidate.quote)"
      )
      let shared = Double(asked.intersection(Set(words.map(Self.stem))).count) / Double(max(1, asked.count))
      let named = marks.contains { mark in words.contains(mark) } ? 1.0 : 0
      return shared + named + 1 / Double(1 + candidate.rank)
    }
    let best = candidates.indices.sorted {
      promise[$0] == promise[$1] ? $0 < $1 : promise[$0] > promise[$1]
    }
    return best.prefix(countMax).sorted().map { candidates[$0] }
  }

  /// The words of a text, folded and in lower case. It reads Unicode scalars: reading graphemes would take most of the
  /// time of a quoted answer.
  static func words(_ text: String) -> [String] {
    CompatibilityForms.folded(text).lowercased().unicodeScalars.split { !isWord($0) }.map { String($0) }
  }

  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII {
      return (0x61...0x7A).contains(scalar.value) || (0x30...0x39).contains(scalar.value) || scalar == "'"
    }
    if scalar == "\u{2019}" { return true }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
      .spacingMark, .decimalNumber, .letterNumber, .otherNumber:
      return true
    default: return false
    }
  }

  /// The first five letters. This matches "backup" with "backups", but not "keep" with "kept".
  private static func stem(_ word: String) -> String {
    word.utf8.count <= 5 ? word : String(word.unicodeScalars.prefix(5))
  }
}
