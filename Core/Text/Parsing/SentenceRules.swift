/// Corrects the sentence breaks of ICU, whose rules are the same for all languages: finds breaks that end no sentence,
/// and ends that ICU misses.
enum SentenceRules {
  /// Abbreviations after which a sentence always continues.
  private static let abbreviations: Set<String> = [
    "e.g", "i.e", "mr", "mrs", "ms", "dr", "prof", "st", "vs", "fig", "figs", "cf", "approx", "vol", "pp",
    "gen",
    "col", "sgt", "capt", "rev", "hon", "nos", "art", "sec", "ch", "eq", "tel", "ext", "bzw", "z.b", "d.h",
    "u.a",
    "nr", "abb", "vgl", "abschn", "fa", "hr", "fr", "mme", "mlle", "pág", "págs", "núm", "sra", "srta",
    "sres",
    "incl", "excl", "chap", "para", "paras", "sect", "appx", "ed", "eds", "ee", "p.ej", "ул", "г", "стр",
    "рис", "им", "проф", "т.е", "т.д", "o.g", "bl.a", "t.ex", "tab", "ca",
  ]
  /// Abbreviations in names. After them a sentence continues, unless a word follows that usually begins a sentence.
  private static let nameParts: Set<String> = ["inc", "ltd", "co", "jr", "sr", "u.s", "u.k", "dept", "al"]
  /// Abbreviations that may end a sentence. It continues before a number or a lower-case letter.
  private static let endings: Set<String> = [
    "etc", "no", "est", "max", "min", "usw", "str", "abs", "m", "jan", "feb", "mar", "apr", "jun", "jul",
    "aug", "sep",
    "sept", "oct", "okt", "nov", "dec", "dez", "a.m", "p.m", "uu", "h", "p", "s", "hrs", "std",
  ]
  private static let starters: Set<String> = [
    "the", "it", "in", "this", "these", "that", "a", "an", "he", "she", "they", "we", "there", "if", "when",
    "for",
    "all", "its", "but", "and", "as", "at", "on", "you", "no", "der", "die", "das", "es", "sie", "er", "wir",
  ]
  private static let daysAndMonths: Set<String> = [
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february",
    "march",
    "april", "may", "june", "july", "august", "september", "october", "november", "december", "januar",
    "februar",
    "märz", "mai", "juni", "juli", "oktober", "dezember", "est", "cet", "utc", "gmt", "pst", "et",
  ]
  /// German words after which a number with a full stop is an ordinal: "der 2. Stock".
  private static let ordinalArticles: Set<String> = [
    "der", "die", "das", "den", "dem", "des", "im", "am", "vom", "zum", "zur", "beim", "ab", "bis", "jeder",
    "jeden",
  ]
  private static let tooFar = 200
  private static let closers: [[UInt8]] = ["”", "’", "»", "“", "›"].map { Array($0.utf8) }

  /// The end of the sentence that ICU ends at `end`: further on if footnote marks follow; nil if no sentence ends.
  ///
  /// - Parameters:
  ///   - start: where the sentence begins.
  ///   - last: `end` without the white space before it.
  ///   - limit: where the text ends.
  static func end(_ text: [UInt8], _ start: Int, _ last: Int, _ end: Int, _ limit: Int) -> Int? {
    guard last > start else { return end }
    let (mark, word) = closing(text, start, last)
    if isInParentheses(text, start, end, limit) { return nil }
    if let note = endOfNote(text, last, limit) { return note }
    let isApart = end > last
    switch mark {
    case UInt8(ascii: "!"), UInt8(ascii: "?"):
      // Without a space nothing ends: `search?q=1`, `[!NOTE]`. Before a lower-case letter the sentence continues:
      // “Why?” he asked.
      return isApart && following(text, end, limit).first?.isLowercase != true ? end : nil
    case UInt8(ascii: "."):
      return isApart && goesOn(text, start, word, following(text, end, limit)) ? nil : end
    default:
      guard text[last - 1] >= 0x80, !isApart else { return end }
      // In Japanese, a sentence continues with a particle after quoted speech.
      let particles: Set<Character> = ["と", "っ", "な", "の", "が", "を", "に", "は"]
      let isSpeech =
        text[..<last].suffix(3).elementsEqual("」".utf8) || text[..<last].suffix(3).elementsEqual("』".utf8)
      return isSpeech && following(text, end, limit).first.map(particles.contains) == true ? nil : end
    }
  }

  /// Ends of sentences that ICU misses: before `¿` or `¡`, and before a number, if a word of four letters or more
  /// and a full stop precede it.
  ///
  /// - Returns: offsets in order, between `start` and `end`.
  static func inner(_ text: [UInt8], _ start: Int, _ end: Int) -> [Int] {
    var ends: [Int] = []
    var index = start + 1
    while index + 1 < end {
      defer { index += 1 }
      let isMark =
        text[index] == UInt8(ascii: ".") || text[index] == UInt8(ascii: "!")
        || text[index] == UInt8(ascii: "?")
      guard isMark, isBlank(text[index + 1]) else { continue }
      var next = index + 1
      while next < end, isBlank(text[next]) { next += 1 }
      guard next < end else { break }
      // ¿ and ¡ begin a sentence.
      if text[next...].starts(with: [0xC2, 0xBF]) || text[next...].starts(with: [0xC2, 0xA1]) {
        ends.append(next)
        continue
      }
      guard text[index] == UInt8(ascii: "."), next + 1 < end else { continue }
      let word = String(decoding: text[wordRange(text, start, index)], as: UTF8.self)
      if (0x30...0x39).contains(text[next]), word.count > 3, word.allSatisfy(\.isLetter),
        !abbreviations.contains(word.lowercased()), !endings.contains(word.lowercased()),
        !nameParts.contains(word.lowercased())
      {
        ends.append(next)
      }
    }
    return ends
  }

  /// Whether a word follows a number, as a unit does.
  private static func isUnit(_ text: [UInt8], _ start: Int, _ word: Range<Int>) -> Bool {
    var from = word.lowerBound
    while from > start, isBlank(text[from - 1]) { from -= 1 }
    return from > start && from < word.lowerBound && (0x30...0x39).contains(text[from - 1])
  }

  /// The mark that ends a sentence, and the word before it. Brackets and quotation marks after the mark are skipped.
  private static func closing(_ text: [UInt8], _ start: Int, _ last: Int) -> (mark: UInt8, word: Range<Int>) {
    var place = last
    while place > start {
      if [UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: ")"), UInt8(ascii: "]")].contains(
        text[place - 1])
      {
        place -= 1
      } else if text[place - 1] >= 0x80,
        let closer = closers.first(where: { text[start..<place].suffix($0.count).elementsEqual($0) })
      {
        place -= closer.count
      } else {
        break
      }
    }
    guard place > start else { return (0, start..<start) }
    return (text[place - 1], wordRange(text, start, place - 1))
  }

  private static func wordRange(_ text: [UInt8], _ start: Int, _ stop: Int) -> Range<Int> {
    var from = stop
    while from > start, stop - from < 40, !isBlank(text[from - 1]), text[from - 1] != UInt8(ascii: "(") {
      from -= 1
    }
    return from..<stop
  }

  /// The first characters of what follows, without quotation marks and brackets.
  private static func following(_ text: [UInt8], _ end: Int, _ limit: Int) -> Substring {
    let head = String(decoding: text[end..<min(limit, end + 40)], as: UTF8.self)
    return head.drop { $0.isWhitespace || "\"'“„«‘([".contains($0) }
  }

  /// Whether the sentence continues after a full stop.
  private static func goesOn(_ text: [UInt8], _ start: Int, _ place: Range<Int>, _ next: Substring) -> Bool {
    let word = String(decoding: text[place], as: UTF8.self)
    let small = word.lowercased()
    if abbreviations.contains(small) || isLabel(text, start, place, word) { return true }
    let follower = String(next.prefix { $0.isLetter }).lowercased()
    let isGoingOn = next.first?.isNumber == true || next.first?.isLowercase == true
    if nameParts.contains(small) { return isGoingOn || !starters.contains(follower) }
    if endings.contains(small) {
      return isGoingOn || (small == "a.m" || small == "p.m") && daysAndMonths.contains(follower)
    }
    // An initial, "J. Novak", but not "5 K. Then".
    if word.count == 1, word.first?.isLetter == true { return !isUnit(text, start, place) }
    // An ordinal: "am 5. März", "der 2. Stock".
    guard (1...2).contains(word.count), word.allSatisfy(\.isNumber) else { return false }
    if daysAndMonths.contains(follower) { return true }
    let before = String(decoding: text[start..<place.lowerBound].suffix(20), as: UTF8.self)
    let article = before.split(separator: " ").last ?? ""
    return ordinalArticles.contains(article.lowercased()) && next.first?.isLetter == true
  }

  /// "3.", "IV." or "aa." at the start of an item.
  private static func isLabel(_ text: [UInt8], _ start: Int, _ place: Range<Int>, _ word: String) -> Bool {
    // Only near the start of the sentence, because each break that ends nothing scans the white space again.
    guard (1...7).contains(word.count), place.lowerBound - start <= 16,
      text[start..<place.lowerBound].allSatisfy(isBlank)
    else { return false }
    if word.count < 4, word.allSatisfy(\.isNumber) { return true }
    if word.count == 2, word.first == word.last, word.first?.isLowercase == true { return true }
    return word.allSatisfy { "IVXLCDM".contains($0) } || word.allSatisfy { "ivxlcdm".contains($0) }
  }

  /// The end of the footnote marks after a full stop, which belong to the sentence before them: "fell.[1] Costs",
  /// "fell.² Costs"; nil if there are none.
  private static func endOfNote(_ text: [UInt8], _ last: Int, _ limit: Int) -> Int? {
    // ICU breaks inside "[1]", or before "²".
    var from = last
    if from > 0, text[from - 1] == UInt8(ascii: "[") { from -= 1 }
    // The first bytes of "[", "²" and "⁴".
    guard from < limit, text[from] == UInt8(ascii: "[") || text[from] == 0xC2 || text[from] == 0xE2 else {
      return nil
    }
    guard from > 0,
      [UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "?"), UInt8(ascii: "\"")].contains(text[from - 1])
    else { return nil }
    var end = from
    while let next = endOfMark(text, end, limit) { end = next }
    guard end > from else { return nil }
    guard end >= limit || isBlank(text[end]) else { return nil }
    while end < limit, isBlank(text[end]) { end += 1 }
    return end
  }

  /// Where one footnote mark ends: "[12]", "[a]", a raised digit.
  private static func endOfMark(_ text: [UInt8], _ start: Int, _ limit: Int) -> Int? {
    guard start < limit else { return nil }
    if text[start] == UInt8(ascii: "[") {
      let close = text[start..<min(limit, start + 6)].firstIndex(of: UInt8(ascii: "]"))
      guard let close, close > start + 1 else { return nil }
      let isMark = text[start + 1..<close].allSatisfy {
        (0x30...0x39).contains($0) || (0x61...0x7A).contains($0)
      }
      return isMark ? close + 1 : nil
    }
    // ¹, ² and ³; ⁰ and ⁴ to ⁹.
    if text[start] == 0xC2, start + 1 < limit, [0xB9, 0xB2, 0xB3].contains(text[start + 1]) {
      return start + 2
    }
    if text[start] == 0xE2, start + 2 < limit, text[start + 1] == 0x81,
      text[start + 2] == 0xB0 || (0xB4...0xB9).contains(text[start + 2])
    {
      return start + 3
    }
    return nil
  }

  /// True if a parenthesis that is open at `end` closes within 200 bytes: a remark of several sentences stays in its
  /// sentence.
  private static func isInParentheses(_ text: [UInt8], _ start: Int, _ end: Int, _ limit: Int) -> Bool {
    var depth = 0
    for byte in text[max(start, end - tooFar)..<end] {
      if byte == UInt8(ascii: "(") {
        depth += 1
      } else if byte == UInt8(ascii: ")") {
        depth = max(0, depth - 1)
      }
    }
    guard depth > 0 else { return false }
    for byte in text[end..<min(limit, end + tooFar)] {
      if byte == UInt8(ascii: "(") {
        depth += 1
      } else if byte == UInt8(ascii: ")") {
        depth -= 1
        if depth == 0 { return true }
      } else if byte == 0x0A {
        continue
      }
    }
    return false
  }

  static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
}
