/// What a question asks about: the identifiers that an answer must have, the names, and the other words. A value
/// without I/O.
package struct QuestionFocus: Sendable {
  /// Something that tells one thing from others of its kind, such as a code or a number.
  package struct Identifier: Sendable {
    enum Kind: Sendable {
      /// `P-087`, `0x80070057`, `2.4.0`; folded: without hyphens and underscores, and without the `v` of a version.
      case code(String)
      /// A quoted string, a flag, a path: these terms in a row.
      case phrase([Term])
      /// `warehouse 3`, `gate B`.
      case numbered(noun: Term, number: Term)
    }
    let kind: Kind
    /// As it is written in the question, folded.
    package let text: String
  }

  package let identifiers: [Identifier]
  /// Capitalised words. A word that is all capitals does not count: it may be an ordinary word that is shouted.
  package let names: [Term]
  /// The words that carry the question's meaning, including identifiers and names.
  package let words: [Term]

  /// Longer quoted passages need not stand in the answer word for word.
  private static let phraseTermsMax = 8
  private static let identifiersMax = 8
  private static let wordsMax = 128
  /// The end of a quoted string is looked for within this many pieces.
  private static let quotedPiecesMax = 64

  package init(_ question: String) {
    let pieces = TextScanner.pieces(of: question)
    let terms = Statement(question).terms
    var found = Self.phrases(pieces)
    for (index, term) in terms.enumerated() {
      if let code = Self.code(term) {
        found.append(Identifier(kind: .code(code), text: term.text))
      } else if let noun = Self.noun(of: index, in: terms) {
        found.append(Identifier(kind: .numbered(noun: noun, number: term), text: "\(noun.text) \(term.text)"))
      }
    }
    identifiers = Array(found.prefix(Self.identifiersMax))
    names = Array(
      terms.lazy.filter {
        $0.isName && !$0.isInCapitals && !CommonWords.isFunction($0.form) && !CommonWords.isCalendar($0.form)
      }.prefix(Self.wordsMax))
    // A question may have thousands of words, and each is looked for in each sentence.
    words = Array(
      terms.lazy.filter { !CommonWords.isFunction($0.form) && !CommonWords.isQuestion($0.form) }
        .prefix(Self.wordsMax))
  }

  /// - Returns: the folded form of a code or a version; nil for other terms.
  static func code(_ term: Term) -> String? {
    switch term.kind {
    case .code:
      // 1990s is no code.
      let hasTail = term.form.utf8.last == UInt8(ascii: "s") && term.form.dropLast().allSatisfy(\.isNumber)
      return hasTail ? nil : folded(term.form)
    case .number:
      return term.form.count { $0 == "." } > 1 ? term.form : nil
    case .word:
      // camelCase
      return term.isMixed && Units.form(of: term.text, isAttached: false) == nil && !units.contains(term.form)
        ? folded(term.form) : nil
    default: return nil
    }
  }

  /// Units with capitals inside: kWh is no code.
  private static let units: Set<String> = [
    "kwh", "kw", "mwh", "ma", "mah", "db", "khz", "kpa", "kb", "ph", "kj", "kv",
  ]

  /// Without hyphens and underscores, and without the `v` of a version.
  static func folded(_ code: String) -> String {
    var plain = ""
    for scalar in code.unicodeScalars where scalar != "-" && scalar != "_" {
      // CO₂ is CO2.
      let isLowered = (0x2080...0x2089).contains(scalar.value)
      plain.unicodeScalars.append(isLowered ? Unicode.Scalar(UInt8(scalar.value - 0x2080 + 0x30)) : scalar)
    }
    return plain.first == "v" && plain.dropFirst().first?.isNumber ?? false && plain.contains(".")
      ? String(plain.dropFirst()) : plain
  }

  /// The noun whose thing a number or a letter names ("warehouse 3"); nil when the number counts or measures something.
  private static func noun(of index: Int, in terms: [Term]) -> Term? {
    let term = terms[index]
    let isLetter = term.kind == .word && term.isName && term.form.utf8.count == 1 && term.form != "i"
    guard index > 0, term.kind == .number || isLetter, !term.form.hasPrefix("-") else { return nil }
    var place = index - 1
    if terms[place].form == "number", place > 0 { place -= 1 }
    let noun = terms[place]
    guard noun.kind == .word, noun.form.utf8.count > 1, !CommonWords.isFunction(noun.form),
      !CommonWords.precedesQuantity(noun.form)
    else { return nil }
    let next = index + 1 < terms.count ? terms[index + 1] : nil
    if next?.kind == .unit || next?.kind == .range { return nil }
    if CommonWords.isNumbered(noun) { return noun }
    // A number in words is a count: "name one other fault".
    if term.text.first?.isLetter ?? true, !isLetter { return nil }
    // A letter before another noun is no name: "T cells" are not cells called T.
    if isLetter { return next.map { CommonWords.isFunction($0.form) } ?? true ? noun : nil }
    // A year is a time.
    if let year = Int(term.form), (1500...2100).contains(year) { return nil }
    // "Is the deposit 500?" asks whether an amount is right, and 24/7 names nothing.
    if term.form.contains("/") || index == terms.count - 1 && CommonWords.asksYesOrNo(terms[0].form) {
      return nil
    }
    // A counted noun is in the plural: "bring 3 bags", "bring 3 large bags".
    let after = terms[(index + 1)...].prefix(2)
    return after.contains { CommonWords.isPlural($0.form) } ? nil : noun
  }

  /// Quoted strings, flags and paths.
  private static func phrases(_ pieces: [TextScanner.Piece]) -> [Identifier] {
    var found: [Identifier] = []
    var index = 0
    while index < pieces.count {
      if let close = closing[pieces[index].text], pieces[index].kind == .mark,
        !(pieces[index].text == "'" && pieces[index].isAttached),
        // 6" is a size.
        index == 0 || !(pieces[index].isAttached && pieces[index - 1].kind == .digits),
        let end = pieces[(index + 1)...].prefix(quotedPiecesMax).firstIndex(where: {
          $0.kind == .mark && $0.text == close
        })
      {
        found += phrase(pieces[(index + 1)..<end])
        index = end + 1
      } else if isFlag(pieces, index) || isPath(pieces, index) {
        var end = index + 1
        while end < pieces.count, pieces[end].isAttached, !isSentenceEnd(pieces, end) { end += 1 }
        found += phrase(pieces[index..<end])
        index = end
      } else {
        index += 1
      }
    }
    return found
  }

  private static let closing = ["\"": "\"", "`": "`", "\u{201C}": "\u{201D}", "\u{AB}": "\u{BB}", "'": "'"]

  private static func phrase(_ pieces: ArraySlice<TextScanner.Piece>) -> [Identifier] {
    var reader = StatementReader(Array(pieces))
    let terms = reader.read()
    guard (1...phraseTermsMax).contains(terms.count), terms.count > 1 || terms[0].form.utf8.count > 1 else {
      return []
    }
    let text = pieces.enumerated().map { ($0 > 0 && !$1.isAttached ? " " : "") + $1.lower }.joined()
    return [Identifier(kind: .phrase(terms), text: text)]
  }

  /// --dry-run, -v
  private static func isFlag(_ pieces: [TextScanner.Piece], _ index: Int) -> Bool {
    guard pieces[index].kind == .mark, pieces[index].text == "-", !pieces[index].isAttached || index == 0
    else {
      return false
    }
    let dashes = pieces[index...].prefix(3).prefix { $0.kind == .mark && $0.text == "-" }.count
    guard dashes <= 2, index + dashes < pieces.count else { return false }
    return pieces[index + dashes].kind == .word && pieces[index + dashes].isAttached
  }

  /// /etc/passwd
  private static func isPath(_ pieces: [TextScanner.Piece], _ index: Int) -> Bool {
    guard pieces[index].kind == .mark, pieces[index].text == "/", !pieces[index].isAttached || index == 0,
      index + 1 < pieces.count
    else { return false }
    return pieces[index + 1].isAttached && pieces[index + 1].kind != .mark
  }

  private static func isSentenceEnd(_ pieces: [TextScanner.Piece], _ index: Int) -> Bool {
    guard pieces[index].kind == .mark, [".", "?", "!", ",", ";", ")"].contains(pieces[index].text) else {
      return false
    }
    return index + 1 == pieces.count || !pieces[index + 1].isAttached
  }
}
