/// Splits text into the terms of the lexical index. Used by one thread at a time.
///
/// ICU finds the words (Unicode Standard Annex 29). They are case-folded (NFKC_Casefold), stemmed by Snowball in the
/// text's language and, if `AnalysisRules` say so, stripped of accents, except in Vietnamese. Runs of Chinese, Japanese
/// and Korean become overlapping pairs of characters. A name of several parts yields the whole name and its parts:
/// `P-087`, `v1.29.3`, `snake_case`, `camelCase`, `--dry-run`.
package final class Analyser {
  /// Longer words and terms are left out.
  package static let termBytesMax = 128
  /// Joined words with more parts than this are a list or data rather than a name.
  private static let partsMax = 12

  private static let elidingLanguages: Set<Language> = [Language("fr"), Language("it"), Language("ca")]
  private static let vietnamese = Language("vi")

  private let rules: AnalysisRules
  private var stemmers: [Language: Stemmer?] = [:]

  package init(_ rules: AnalysisRules) { self.rules = rules }

  /// Calls `body` with the range of each piece between ASCII white space. No word spans ASCII white space.
  package static func pieces(of text: [UInt8], _ body: (Range<Int>) -> Void) {
    var start = 0
    for (index, byte) in text.enumerated() where byte == 0x20 || (0x09...0x0D).contains(byte) {
      if index > start { body(start..<index) }
      start = index + 1
    }
    if text.count > start { body(start..<text.count) }
  }

  /// Folds case and compatibility forms. Returns the piece unchanged if it can't be folded.
  package static func foldedCase(_ piece: ArraySlice<UInt8>) -> [UInt8] {
    let folded = WordBreaks.foldedCase(piece) ?? []
    return folded.isEmpty ? Array(piece) : folded
  }

  /// All terms of a text, with repeats, in their order.
  ///
  /// - Parameter text: UTF-8.
  package func terms(of text: [UInt8], _ language: Language) -> [[UInt8]] {
    var terms: [[UInt8]] = []
    Self.pieces(of: text) { terms += self.terms(ofPiece: Array(text[$0]), language) }
    return terms
  }

  /// The terms of one piece. A whole name that is also one of its parts is not repeated.
  ///
  /// - Parameter onIdentifier: called with each term that names one specific thing: `P-087`, `--dry-run`.
  package func terms(
    ofPiece piece: [UInt8], _ language: Language, onIdentifier: ([UInt8]) -> Void = { _ in }
  ) -> [[UInt8]] {
    var terms: [[UInt8]] = []
    let words = WordBreaks.words(in: piece)
    var next = 0
    while next < words.count {
      var end = next + 1
      if words[next].isCJK {
        while end < words.count, words[end].isCJK,
          words[end].range.lowerBound == words[end - 1].range.upperBound
        {
          end += 1
        }
        terms += Self.pairs(piece[words[next].range.lowerBound..<words[end - 1].range.upperBound])
      } else {
        while end < words.count, !words[end].isCJK,
          Self.isJoint(piece[words[end - 1].range.upperBound..<words[end].range.lowerBound])
        {
          end += 1
        }
        terms += group(piece, words[next..<end].map(\.range), language, onIdentifier)
      }
      next = end
    }
    return terms
  }

  /// Whether the characters between two words join them into one name: one to three of `-_./:\@#+~&%$`.
  private static func isJoint(_ gap: ArraySlice<UInt8>) -> Bool {
    !gap.isEmpty && gap.count <= 3 && gap.allSatisfy { "-_.+".utf8.contains($0) || separates($0) }
  }

  /// Whether a character separates names, as in paths and addresses, rather than being part of one.
  private static func separates(_ byte: UInt8) -> Bool { "/:\\@#~&%$".utf8.contains(byte) }

  /// The terms of joined words: the whole, each name between separators, and the parts of each word.
  private func group(
    _ piece: [UInt8], _ words: [Range<Int>], _ language: Language, _ onIdentifier: ([UInt8]) -> Void
  ) -> [[UInt8]] {
    var parts: [[UInt8]] = []
    for word in words { parts += self.parts(piece[word], language) }
    var wholes: [[UInt8]] = []
    // A set, because a query may be one group of thousands of words.
    var known = Set(parts)
    if words.count > 1, words.count <= Self.partsMax {
      for whole in folded(piece[words[0].lowerBound..<words[words.count - 1].upperBound])
      where known.insert(whole).inserted {
        wholes.append(whole)
      }
    }
    var first = 0
    for index in words.indices {
      let end = words[index].upperBound
      if index + 1 < words.count, !piece[end..<words[index + 1].lowerBound].contains(where: Self.separates) {
        continue
      }
      for name in names(piece, words[first...index], onIdentifier) where known.insert(name).inserted {
        wholes.append(name)
      }
      first = index + 1
    }
    return wholes + parts
  }

  /// The whole-name terms of words that no separator divides: the name, also with its leading dashes, and with its `++`
  /// or `#`.
  private func names(
    _ piece: [UInt8], _ words: ArraySlice<Range<Int>>, _ onIdentifier: ([UInt8]) -> Void
  ) -> [[UInt8]] {
    guard let start = words.first?.lowerBound, let end = words.last?.upperBound, words.count <= Self.partsMax
    else { return [] }
    var names: [[UInt8]] = []
    if words.count > 1 || Self.holdsParts(piece[start..<end]) { names += folded(piece[start..<end]) }
    // A flag with its dashes, and C++ or C#.
    let dashes = piece[..<start].reversed().prefix { $0 == UInt8(ascii: "-") }.count
    if (1...2).contains(dashes) { names += folded(piece[(start - dashes)..<end]) }
    let signs = Self.signs(piece[end...])
    if signs > 0 { names += folded(piece[start..<end + signs]) }
    let hasLetter = piece[start..<end].contains { Self.kind($0) != .digit && Self.kind($0) != .none }
    if signs > 0 && hasLetter || Self.isIdentifier(piece[start..<end], dashes: dashes) {
      // A word without parts is its own name.
      (names.isEmpty ? folded(piece[start..<end]) : names).forEach(onIdentifier)
    }
    return names
  }

  /// The number of `+` or `#` that end a name like C++ or C#: 1 or 2; 0 if there are more or a word follows.
  private static func signs(_ rest: ArraySlice<UInt8>) -> Int {
    let count = rest.prefix { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "#") }.count
    guard (1...2).contains(count) else { return 0 }
    return rest.dropFirst(count).first.map { kind($0) != .none } ?? false ? 0 : count
  }

  /// Whether a name looks like an identifier: a flag, letters with digits, a capital inside, an underscore, or a
  /// version. `well-known`, `21st`, `1990-1995` and `15-year-old` do not.
  private static func isIdentifier(_ name: ArraySlice<UInt8>, dashes: Int) -> Bool {
    let kinds = name.map(kind)
    let hasLetters = kinds.contains { $0 == .lower || $0 == .upper || $0 == .other }
    if name.contains(UInt8(ascii: "_")) || (1...2).contains(dashes) && hasLetters { return true }
    guard kinds.contains(.digit) else {
      return zip(kinds, kinds.dropFirst()).contains { $0 == .lower && $1 == .upper }
    }
    // 2.7.9, but not 3.5
    if !hasLetters { return name.count { $0 == UInt8(ascii: ".") } > 1 }
    if kinds.first != .digit { return true }
    // 0x80070057 and 9f8e, but not 21st and 15-year-old
    let word = kinds.prefix { $0 != .none }
    let letters = word.count { $0 != .digit }
    return letters > 2 || letters > 0 && word.last == .digit
  }

  private func folded(_ bytes: ArraySlice<UInt8>) -> [[UInt8]] {
    guard bytes.count <= Self.termBytesMax, let folded = WordBreaks.foldedCase(bytes), !folded.isEmpty else {
      return []
    }
    let plain = rules.foldsAccents ? WordBreaks.foldedAccents(folded) : folded
    return plain.count <= Self.termBytesMax ? [plain] : []
  }

  private enum Kind { case upper, lower, digit, other, none }

  private static func kind(_ byte: UInt8) -> Kind {
    switch byte {
    case 0x41...0x5A: .upper
    case 0x61...0x7A: .lower
    case 0x30...0x39: .digit
    case 0x80...: .other
    default: .none
    }
  }

  /// Whether one of ICU's words has several parts, as `v1.29.3` or `camelCase` have.
  private static func holdsParts(_ word: ArraySlice<UInt8>) -> Bool {
    word.contains { kind($0) == .none && $0 != UInt8(ascii: "'") } || humps(word).count > 1
  }

  /// Splits an ASCII word where a small letter meets a capital (`camelCase`, `HTTPServer`) and where letters meet
  /// digits (`P087`). Returns the word itself if it begins with a digit or has more than two changes between letters
  /// and digits.
  private static func humps(_ word: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    let kinds = word.map(kind)
    guard !kinds.contains(.other), kinds.count > 1 else { return [word] }
    var cuts: [Int] = []
    var turns = 0
    for index in 1..<kinds.count {
      let (before, here) = (kinds[index - 1], kinds[index])
      let after = index + 1 < kinds.count ? kinds[index + 1] : .none
      if (before == .digit) != (here == .digit) {
        turns += 1
        cuts.append(index)
      } else if before == .lower && here == .upper || before == .upper && here == .upper && after == .lower {
        cuts.append(index)
      }
    }
    // A hash has too many changes to have parts, and a number such as 0x80070057 begins with a digit.
    guard turns <= 2, !cuts.isEmpty else { return [word] }
    if turns > 0, kinds.first == .digit { return [word] }
    var parts: [ArraySlice<UInt8>] = []
    var start = word.startIndex
    for cut in cuts + [kinds.count] {
      parts.append(word[start..<word.startIndex + cut])
      start = word.startIndex + cut
    }
    return parts
  }

  /// The terms of one of ICU's words: its runs between `_`, `.`, `:` and the like, and the parts of those runs.
  private func parts(_ word: ArraySlice<UInt8>, _ language: Language) -> [[UInt8]] {
    var terms: [[UInt8]] = []
    let runs = word.split { Self.kind($0) == .none && $0 != UInt8(ascii: "'") }
    for run in runs {
      let humps = Self.humps(run)
      if humps.count > 1, humps.count <= Self.partsMax {
        terms += folded(run)
        for hump in humps { terms += stemmed(hump, language) }
      } else {
        terms += stemmed(run, language)
      }
    }
    return terms
  }

  private func stemmed(_ word: ArraySlice<UInt8>, _ language: Language) -> [[UInt8]] {
    guard word.count <= Self.termBytesMax, var folded = WordBreaks.foldedCase(word), !folded.isEmpty else {
      return []
    }
    // Treat the typographic apostrophe like the ASCII one.
    folded = Self.replacing(folded, [0xE2, 0x80, 0x99], with: UInt8(ascii: "'"))
    // Drop the part before the apostrophe, an article or a preposition: l'homme, dell'arte.
    if Self.elidingLanguages.contains(language),
      let apostrophe = folded.firstIndex(of: UInt8(ascii: "'")), apostrophe < folded.count - 1
    {
      folded = Array(folded[(apostrophe + 1)...])
    }
    if !folded.contains(where: { (0x30...0x39).contains($0) }), let stemmer = stemmer(of: language) {
      folded = stemmer.stem(folded)
    }
    if rules.foldsAccents, language != Self.vietnamese { folded = WordBreaks.foldedAccents(folded) }
    guard !folded.isEmpty, folded.count <= Self.termBytesMax else { return [] }
    return [folded]
  }

  private func stemmer(of language: Language) -> Stemmer? {
    if let known = stemmers[language] { return known }
    let new = Stemmer(language)
    stemmers[language] = new
    return new
  }

  private static func replacing(_ bytes: [UInt8], _ old: [UInt8], with new: UInt8) -> [UInt8] {
    guard bytes.contains(old[0]) else { return bytes }
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index...].starts(with: old) {
        result.append(new)
        index += old.count
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return result
  }

  /// Overlapping pairs of characters; a single character is a term itself.
  private static func pairs(_ text: ArraySlice<UInt8>) -> [[UInt8]] {
    // Fold the run before splitting it, because one character may be several code points. `foldedCase` takes at most
    // 512 bytes.
    var run: [UInt8] = []
    var from = text.startIndex
    while from < text.endIndex {
      var to = min(from + 480, text.endIndex)
      while to < text.endIndex, text[to] & 0xC0 == 0x80 { to += 1 }
      run += foldedCase(text[from..<to])
      from = to
    }
    var characters: [[UInt8]] = []
    var start = run.startIndex
    for index in run.indices.dropFirst() + [run.endIndex]
    where index == run.endIndex || run[index] & 0xC0 != 0x80 {
      if index > start { characters.append(Array(run[start..<index])) }
      start = index
    }
    guard characters.count > 1 else { return characters.filter { !$0.isEmpty } }
    return (1..<characters.count).map { characters[$0 - 1] + characters[$0] }
  }
}
