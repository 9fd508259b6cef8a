import Tokenizer

/// Splits a sentence into words, numbers and marks, before their meaning is read.
struct TextScanner {
  struct Piece: Sendable {
    enum Kind { case word, digits, code, mark }
    var text: String
    var lower: String
    var kind: Kind
    /// True if no white space stands before it.
    var isAttached: Bool
    /// False for most words, which then need no further checks for names.
    var hasCapital: Bool
  }

  private let scalars: [Unicode.Scalar]
  private var index = 0
  private var pieces: [Piece] = []

  static func pieces(of text: String) -> [Piece] {
    var scanner = TextScanner(scalars: Array(CompatibilityForms.folded(text).unicodeScalars))
    scanner.scan()
    return scanner.pieces
  }

  private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

  private mutating func scan() {
    var isAttached = false
    while index < scalars.count {
      let scalar = scalars[index]
      if Self.isSpace(scalar) {
        isAttached = false
        index += 1
      } else if Self.isDigit(scalar)
        || scalar == "." && !isAttached && index + 1 < scalars.count
          && Self.isDigit(scalars[index + 1])
      {
        startingWithDigit(isAttached)
        isAttached = true
      } else if Self.isLetter(scalar) {
        startingWithLetter(isAttached)
        isAttached = true
      } else {
        if scalar.isASCII || !scalar.properties.isDefaultIgnorableCodePoint {
          add(String(scalar), .mark, isAttached)
        }
        isAttached = true
        index += 1
      }
    }
  }

  private mutating func startingWithDigit(_ isAttached: Bool) {
    let start = index
    // ".5" is 0.5.
    let zero = scalars[start] == "." ? "0" : ""
    var end = start + zero.utf8.count
    while end < scalars.count {
      if Self.isDigit(scalars[end]) || joins(end) { end += 1 } else { break }
    }
    var letters = end
    while letters < scalars.count,
      Self.isLetter(scalars[letters]) || Self.isDigit(scalars[letters]) || isUnderscore(letters)
    { letters += 1 }
    let number = zero + Self.plain(scalars[start..<end])
    let suffix = String(String.UnicodeScalarView(scalars[end..<letters]))
    if suffix.isEmpty {
      add(number, .digits, isAttached)
    } else if Self.isSuffix(suffix, of: number) {
      add(number, .digits, isAttached)
      add(suffix, .word, true)
    } else {
      add(number + suffix, .code, isAttached)
    }
    index = letters
  }

  /// Whether the suffix is the ending of an ordinal or of an hour, or a unit: these may be written directly behind a
  /// number. `1990s` is no time in seconds.
  private static func isSuffix(_ suffix: String, of number: String) -> Bool {
    let lower = suffix.lowercased()
    if ["st", "nd", "rd", "th", "am", "pm"].contains(lower) { return true }
    if lower == "s", number.utf8.count == 4 { return false }
    return Units.form(of: suffix, isAttached: true) != nil
  }

  private mutating func startingWithLetter(_ isAttached: Bool) {
    let start = index
    var isCode = false
    while index < scalars.count {
      if Self.isLetter(scalars[index]) {
        index += 1
      } else if Self.isDigit(scalars[index]) || isUnderscore(index) {
        isCode = true
        index += 1
      } else if Self.isApostrophe(scalars[index]), index + 1 < scalars.count,
        Self.isLetter(scalars[index + 1])
      {
        index += 1
      } else if isCode, joins(index) {
        // v1.29.3
        index += 1
      } else {
        break
      }
    }
    add(Self.plain(scalars[start..<index]), isCode ? .code : .word, isAttached)
  }

  /// Whether a mark stands between two digits and belongs to their number: 1,000 and 2.4.0 and 10:30.
  private func joins(_ place: Int) -> Bool {
    guard place > 0, place + 1 < scalars.count, Self.isDigit(scalars[place - 1]),
      Self.isDigit(scalars[place + 1])
    else { return false }
    switch scalars[place] {
    case ".", ",", ":", "/": return true
    // Non-breaking and thin spaces may separate thousands.
    case "\u{A0}", "\u{202F}", "\u{2009}":
      let next = scalars[(place + 1)...].prefix { Self.isDigit($0) }
      return next.count == 3
    default: return false
    }
  }

  private func isUnderscore(_ place: Int) -> Bool {
    scalars[place] == "_" && place + 1 < scalars.count
      && (Self.isLetter(scalars[place + 1]) || Self.isDigit(scalars[place + 1]))
  }

  private mutating func add(_ text: String, _ kind: Piece.Kind, _ isAttached: Bool) {
    let lower = text.lowercased()
    pieces.append(
      Piece(text: text, lower: lower, kind: kind, isAttached: isAttached, hasCapital: lower != text))
  }

  /// Replaces digits of other scripts with ASCII digits and typographic apostrophes with the plain one, and removes
  /// white space and invisible characters.
  private static func plain(_ part: ArraySlice<Unicode.Scalar>) -> String {
    var text = String.UnicodeScalarView()
    for scalar in part {
      if isApostrophe(scalar) {
        text.append("'")
      } else if isDigit(scalar), let value = scalar.properties.numericValue {
        text.append(Unicode.Scalar(UInt8(0x30 + Int(value))))
      } else if scalar.isASCII
        ? !isSpace(scalar)
        : !isSpace(scalar) && !scalar.properties.isDefaultIgnorableCodePoint
      {
        text.append(scalar)
      }
    }
    return String(text)
  }

  private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return scalar == " " || (0x09...0x0D).contains(scalar.value) }
    return scalar.properties.isWhitespace
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return (0x30...0x39).contains(scalar.value) }
    return scalar.properties.generalCategory == .decimalNumber
  }

  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return (0x41...0x5A).contains(scalar.value & ~0x20) }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
      .spacingMark, .letterNumber, .otherNumber:
      return true
    default: return false
    }
  }

  private static func isApostrophe(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "'" || scalar == "\u{2019}" || scalar == "\u{2BC}"
  }
}
