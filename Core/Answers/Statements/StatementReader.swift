/// Reads the pieces of a sentence as terms.
struct StatementReader {
  private let pieces: [TextScanner.Piece]
  private var index = 0
  private var terms: [Term] = []
  private var hasWord = false
  /// How many terms stand before the first colon, counted before `Relations` joins phrases.
  private(set) var labelEnd: Int?

  init(_ pieces: [TextScanner.Piece]) { self.pieces = pieces }

  mutating func read() -> [Term] {
    while index < pieces.count {
      if mayBeValue && (readDate() || readTime() || readAmount()) || readCode() || readWord() { continue }
      readMark()
    }
    return Relations.joined(terms)
  }

  /// False for a word that can't begin a date, a time or a number, as most words can't.
  private var mayBeValue: Bool {
    guard let word = piece(0), word.kind == .word else { return true }
    return word.hasCapital || Self.valueWords.contains(word.lower)
  }

  private static let valueWords = Set(namedTimes.keys).union(NumberWords.ordinals.keys).union(
    NumberWords.tens.keys
  )
  .union(NumberWords.units.keys).union(NumberWords.multipliers.keys)

  // Access to pieces, relative to `index`.

  private func piece(_ offset: Int) -> TextScanner.Piece? {
    pieces.indices.contains(index + offset) ? pieces[index + offset] : nil
  }

  private func isMark(_ offset: Int, _ text: String) -> Bool {
    piece(offset).map { $0.kind == .mark && $0.text == text } ?? false
  }

  private func digits(_ offset: Int) -> String? {
    piece(offset).flatMap { $0.kind == .digits ? $0.text : nil }
  }

  private mutating func add(_ form: String, _ kind: Term.Kind, _ count: Int) {
    let text = (index..<min(index + count, pieces.count)).map { place in
      (place > index && !pieces[place].isAttached ? " " : "") + pieces[place].lower
    }.joined()
    terms.append(Term(form, kind, text: text))
    index += count
    hasWord = true
  }

  // Dates.

  private mutating func readDate() -> Bool {
    readISODate() || readDayFirst() || readMonthFirst()
  }

  /// 2026-03-01
  private mutating func readISODate() -> Bool {
    guard let year = digits(0), year.utf8.count == 4, isMark(1, "-"), let month = digits(2), isMark(3, "-"),
      let day = digits(4), month.utf8.count == 2, day.utf8.count == 2, let m = Int(month), let d = Int(day),
      (1...12).contains(m), (1...31).contains(d),
      (1...4).allSatisfy({ piece($0)?.isAttached ?? false })
    else { return false }
    add("\(year)-\(month)-\(day)", .date, 5)
    return true
  }

  /// 1 March 2026, 1st of March
  private mutating func readDayFirst() -> Bool {
    guard let (day, dayCount) = day(at: 0) else { return false }
    var next = dayCount
    if piece(next)?.lower == "of" { next += 1 }
    guard let (month, monthCount) = month(at: next) else { return false }
    next += monthCount
    finishDate(day, month, next)
    return true
  }

  /// March 1, 2026
  private mutating func readMonthFirst() -> Bool {
    guard let (month, monthCount) = month(at: 0), let (day, dayCount) = day(at: monthCount) else {
      return false
    }
    let next = monthCount + dayCount
    // In "March 1990", the number is no day: a day has at most two digits.
    finishDate(day, month, next)
    return true
  }

  private mutating func finishDate(_ day: Int, _ month: Int, _ count: Int) {
    let text = (month < 10 ? "0" : "") + "\(month)-" + (day < 10 ? "0" : "") + "\(day)"
    let gap = isMark(count, ",") ? 1 : 0
    if let year = digits(count + gap), year.utf8.count == 4, let value = Int(year),
      (1000...2999).contains(value),
      // In "On March 1, 1200 units", 1200 is no year.
      !(piece(count + gap + 1).map { $0.kind == .word && CommonWords.isPlural($0.lower) } ?? false)
    {
      add("\(year)-\(text)", .date, count + gap + 1)
    } else {
      add("--\(text)", .date, count)
    }
  }

  private func day(at offset: Int) -> (Int, Int)? {
    guard let text = digits(offset), text.utf8.count <= 2, let day = Int(text), (1...31).contains(day) else {
      return nil
    }
    let suffix = piece(offset + 1)
    if let suffix, suffix.isAttached, Self.ordinalEndings.contains(suffix.lower) { return (day, 2) }
    return (day, 1)
  }

  private func month(at offset: Int) -> (Int, Int)? {
    guard let word = piece(offset), word.kind == .word, Self.isCapital(word.text.unicodeScalars.first) else {
      return nil
    }
    if let place = Self.months.firstIndex(of: word.lower) { return (place + 1, 1) }
    guard let place = Self.shortMonths[word.lower] else { return nil }
    return (place, isMark(offset + 1, ".") ? 2 : 1)
  }

  private static let months = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november",
    "december",
  ]
  private static let ordinalEndings: Set<String> = ["st", "nd", "rd", "th"]
  private static let shortMonths = [
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "sept": 9, "oct": 10,
    "nov": 11,
    "dec": 12,
  ]

  // Times.

  /// 22:00, 10:30 pm, 10 p.m., noon
  private mutating func readTime() -> Bool {
    if let word = piece(0), word.kind == .word, let form = Self.namedTimes[word.lower] {
      addTime(form, 1)
      return true
    }
    guard let text = digits(0), let (form, count) = time(text) else { return false }
    addTime(form, count)
    return true
  }

  private static let namedTimes = ["noon": "12:00", "midday": "12:00", "midnight": "00:00"]

  private func time(_ text: String) -> (String, Int)? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...3).contains(parts.count), let hour = parts[0],
      parts.dropFirst().allSatisfy({ ($0 ?? 60) < 60 }),
      text.allSatisfy({ $0.isNumber || $0 == ":" }),
      text.split(separator: ":").dropFirst().allSatisfy({ $0.utf8.count == 2 })
    else { return nil }
    let rest = text.split(separator: ":").dropFirst().joined(separator: ":")
    func form(_ hour: Int) -> String { (hour < 10 ? "0" : "") + "\(hour):" + (rest.isEmpty ? "00" : rest) }
    if let (isAfternoon, count) = meridiem(at: 1), (1...12).contains(hour) {
      return (form(hour % 12 + (isAfternoon ? 12 : 0)), 1 + count)
    }
    return parts.count > 1 && hour <= 24 ? (form(hour), 1) : nil
  }

  /// am, pm, a.m., p.m.
  private func meridiem(at offset: Int) -> (Bool, Int)? {
    guard let word = piece(offset), word.kind == .word else { return nil }
    if word.lower == "am" || word.lower == "pm" { return (word.lower == "pm", 1) }
    guard word.lower == "a" || word.lower == "p", isMark(offset + 1, "."), let second = piece(offset + 2),
      second.lower == "m", second.isAttached
    else { return nil }
    return (word.lower == "p", isMark(offset + 3, ".") ? 4 : 3)
  }

  private mutating func addTime(_ form: String, _ count: Int) {
    add(form, .time, count)
    joinRange(.time)
  }

  // Numbers with their units.

  private mutating func readAmount() -> Bool {
    // The currency may stand before the amount.
    if let sign = piece(0), let currency = Units.currency(sign.text), let (value, count) = number(at: 1) {
      add(value, .number, 1 + count)
      terms.append(Term(currency, .unit, text: sign.lower))
      return true
    }
    if readOrdinal() { return true }
    var start = 0
    var sign = ""
    if isMinus {
      start = 1
      sign = "-"
      // -$500
      if let mark = piece(1), let currency = Units.currency(mark.text), let (value, count) = number(at: 2) {
        add(sign + value, .number, 2 + count)
        terms.append(Term(currency, .unit, text: mark.lower))
        return true
      }
    }
    guard let (value, count) = number(at: start) else { return false }
    add(sign + value, .number, start + count)
    joinRange(.number)
    readUnit()
    return true
  }

  /// True for a minus: it stands before a number, but not directly behind a word or a number, where it would be a
  /// hyphen or a range.
  private var isMinus: Bool {
    guard let mark = piece(0), mark.kind == .mark, Self.minuses.contains(mark.text), let next = piece(1),
      next.isAttached, next.kind == .digits || Units.currency(next.text) != nil
    else { return false }
    guard let before = piece(-1), mark.isAttached else { return true }
    return before.kind == .mark
  }

  private static let minuses: Set<String> = [
    "-", "\u{2212}", "\u{2013}", "\u{2010}", "\u{2011}", "\u{FE63}",
  ]

  private mutating func readOrdinal() -> Bool {
    if let text = digits(0), let suffix = piece(1), suffix.isAttached,
      Self.ordinalEndings.contains(suffix.lower)
    {
      add(NumberWords.ordinal(Self.withoutMarks(text)), .ordinal, 2)
      return true
    }
    guard let word = piece(0), word.kind == .word else { return false }
    if let value = NumberWords.ordinals[word.lower] {
      add(NumberWords.ordinal("\(value)"), .ordinal, 1)
      return true
    }
    guard let tens = NumberWords.tens[word.lower] else { return false }
    let next = isMark(1, "-") ? 2 : 1
    guard let unit = piece(next), let value = NumberWords.ordinals[unit.lower], value < 10 else {
      return false
    }
    add(NumberWords.ordinal("\(tens + value)"), .ordinal, next + 1)
    return true
  }

  /// The number at an offset, in digits, and how many pieces it takes.
  private func number(at offset: Int) -> (String, Int)? {
    if let text = digits(offset) {
      var value = Self.withoutMarks(text)
      var count = 1
      let points = value.count { $0 == "." }
      while points <= 1, count < 3, !value.contains(where: { $0 == "," || $0 == ":" || $0 == "/" }),
        let word = piece(offset + count), let zeros = NumberWords.multipliers[word.lower]
      {
        value = NumberWords.scaled(value, byTenTo: zeros)
        count += 1
      }
      return (value, count)
    }
    return spelledNumber(at: offset)
  }

  private func spelledNumber(at offset: Int) -> (String, Int)? {
    var (total, current, count) = (0, 0, 0)
    var hasAny = false
    while let word = piece(offset + count), word.kind == .word || word.kind == .mark {
      if hasAny, word.kind == .mark, word.text == "-", let next = piece(offset + count + 1),
        NumberWords.units[next.lower] != nil, current % 10 == 0
      {
        count += 1
        continue
      }
      if hasAny, word.lower == "and", current >= 100 || total > 0, let next = piece(offset + count + 1),
        NumberWords.units[next.lower] != nil || NumberWords.tens[next.lower] != nil, current % 100 == 0
      {
        count += 1
        continue
      }
      if let value = NumberWords.units[word.lower], !hasAny || Self.mayAdd(value, to: current) {
        current += value
      } else if let value = NumberWords.tens[word.lower], !hasAny || current % 100 == 0 && current > 0 {
        current += value
      } else if let zeros = NumberWords.multipliers[word.lower], hasAny || zeros > 0 && isAfterArticle(offset)
      {
        if zeros == 2 {
          guard current < 100 else { break }
          current = max(1, current) * 100
        } else {
          guard current > 0 || !hasAny, current < 1000 else { break }
          total += max(1, current) * Self.powers[zeros, default: 1]
          current = 0
        }
      } else {
        break
      }
      hasAny = true
      count += 1
    }
    return hasAny ? ("\(total + current)", count) : nil
  }

  private static let powers = [3: 1000, 6: 1_000_000, 9: 1_000_000_000, 12: 1_000_000_000_000]

  private static func mayAdd(_ value: Int, to current: Int) -> Bool {
    value < 10 ? current > 0 && current % 10 == 0 : current > 0 && current % 100 == 0
  }

  /// "a hundred" is 100, but "hundred" in a name is a word.
  private func isAfterArticle(_ offset: Int) -> Bool {
    guard let before = piece(offset - 1) else { return false }
    return before.lower == "a" || before.lower == "an"
  }

  /// Removes commas that separate thousands: 1,000 is 1000. Other commas stay.
  private static func withoutMarks(_ text: String) -> String {
    let groups = text.split(separator: ",", omittingEmptySubsequences: false)
    guard groups.count > 1, (1...3).contains(groups[0].utf8.count),
      groups.dropFirst().dropLast().allSatisfy({ $0.utf8.count == 3 && $0.allSatisfy(\.isNumber) }),
      let last = groups.last, last.prefix(while: \.isNumber).utf8.count == 3,
      last.allSatisfy({ $0.isNumber || $0 == "." }), groups[0].allSatisfy(\.isNumber)
    else { return text }
    return groups.joined()
  }

  private mutating func readUnit() {
    guard let word = piece(0) else { return }
    if word.lower == "per", piece(1)?.lower == "cent" { return add("percent", .unit, 2) }
    // 15-year-old
    if isMark(0, "-"), let next = piece(1), next.isAttached, next.kind == .word,
      let form = Units.form(of: next.text, isAttached: false), form.utf8.count > 1
    {
      return add(form, .unit, 2)
    }
    var count = 1
    var text = word.text
    if word.text == "°", let next = piece(1), next.isAttached, next.text == "C" || next.text == "F" {
      text += next.text
      count = 2
    }
    guard word.kind == .word || word.kind == .mark,
      let form = Units.form(of: text, isAttached: word.isAttached)
    else {
      return
    }
    add(form, .unit, count)
    // km/h
    if isMark(0, "/"), let next = piece(1), next.isAttached,
      let second = Units.form(of: next.text, isAttached: false)
    {
      terms.append(Term("per", .word, text: "/"))
      index += 1
      add(second, .unit, 1)
    }
  }

  /// Reads the second end of a range: 5–10, 5 to 10, between 5 and 10; for times, also from 10:00 until 12:00.
  private mutating func joinRange(_ kind: Term.Kind) {
    guard let word = piece(0) else { return }
    let before = terms.count >= 2 ? terms[terms.count - 2] : nil
    let isBetween = before?.form == "between" && before?.kind == .word
    let isDash = word.kind == .mark && Self.dashes.contains(word.text)
    let isWord =
      word.kind == .word && (Self.rangeWords.contains(word.lower) || isBetween && word.lower == "and")
    guard isDash || isWord else { return }
    let mark = index
    index += 1
    let count = terms.count
    let isFound: Bool
    if kind == .time {
      guard let text = digits(0), let (form, pieces) = time(text) else {
        index = mark
        return
      }
      terms.append(Term("‥", .range, text: word.lower))
      add(form, .time, pieces)
      isFound = true
    } else {
      // 9–10:30 and 5-May are not ranges of numbers.
      guard let (value, pieces) = number(at: 0), digits(0).map({ time($0) == nil }) ?? true,
        !isDash || digits(0) != nil
      else {
        index = mark
        return
      }
      terms.append(Term("‥", .range, text: word.lower))
      add(value, .number, pieces)
      isFound = true
    }
    guard isFound, isBetween || kind == .time && before?.form == "from" else { return }
    terms.remove(at: count - 2)
  }

  private static let dashes: Set<String> = ["-", "\u{2013}", "\u{2014}", "\u{2012}"]
  private static let rangeWords: Set<String> = ["to", "until", "till", "through"]

  // Codes, words and marks.

  /// P-087, CVE-2024-1234, UTF-8
  private mutating func readCode() -> Bool {
    guard let first = piece(0), first.kind == .code || first.kind == .word else { return false }
    var form = first.lower
    var count = 1
    var isCode = first.kind == .code
    while isMark(count, "-"), piece(count)?.isAttached ?? false, let next = piece(count + 1), next.isAttached,
      next.kind == .digits || next.kind == .code
    {
      form += "-" + next.lower
      count += 2
      isCode = true
    }
    guard isCode else { return false }
    add(form, .code, count)
    return true
  }

  private mutating func readWord() -> Bool {
    guard let word = piece(0), word.kind == .word else { return false }
    if word.lower == "no" || word.lower == "yes", isMark(1, ",") {
      // "No, smoking is permitted" is not "no smoking is permitted".
      addWord(word.lower + ",", of: word)
      return true
    }
    if word.lower == "no" || word.lower == "nos", isMark(1, "."), digits(2) != nil {
      addWord("number", of: word)
      index += 1
      return true
    }
    if let (form, count) = initials() {
      add(form, .word, count)
      terms[terms.count - 1].isName = true
      return true
    }
    if let form = Self.states[word.text] {
      add(form, .word, 1)
      terms[terms.count - 1].isName = true
      return true
    }
    if word.lower == "cannot" {
      addWord("can", of: word, advances: false)
      addWord("not", of: word)
    } else if let apostrophe = word.lower.firstIndex(of: "'") {
      addContraction(word, String(word.lower[..<apostrophe]), String(word.lower[apostrophe...]))
    } else if isArticle(word) {
      index += 1
      hasWord = true
    } else {
      addWord(word.lower, of: word)
    }
    return true
  }

  /// True for an article, which stands before a word. The "a" of "a few" is none, because "a few" is not "few", and
  /// neither is the one of "gate a".
  private func isArticle(_ word: TextScanner.Piece) -> Bool {
    guard word.lower == "the" || word.lower == "an" || word.text == "a" || word.text == "A" && !hasWord,
      let next = piece(1)
    else { return false }
    if next.kind == .mark { return Self.openingMarks.contains(next.text) }
    return word.lower == "the" || next.lower != "few" && next.lower != "little"
  }

  private static let openingMarks: Set<String> = [
    "\"", "'", "\u{201C}", "\u{2018}", "(", "*", "_", "`", "$", "\u{20AC}", "\u{A3}",
  ]

  private mutating func addContraction(_ word: TextScanner.Piece, _ base: String, _ ending: String) {
    if ending == "'t", base.hasSuffix("n") {
      addWord(Self.shortened[base] ?? String(base.dropLast()), of: word, advances: false)
      return addWord("not", of: word)
    }
    if let second = Self.endings[ending] {
      addWord(base, of: word, advances: false)
      return addWord(second, of: word)
    }
    guard ending == "'s" else { return addWord(word.lower, of: word) }
    addWord(base, of: word, advances: false)
    if Self.pronouns.contains(base) { return addWord("is", of: word) }
    // The ending of a possessive adds no term.
    index += 1
  }

  private static let shortened = ["can": "can", "won": "will", "shan": "shall", "ain": "is"]
  private static let endings = ["'re": "are", "'ve": "have", "'ll": "will", "'m": "am"]
  private static let pronouns: Set<String> = [
    "it", "he", "she", "that", "there", "here", "what", "who", "where", "how", "this",
  ]

  private mutating func addWord(_ form: String, of word: TextScanner.Piece, advances: Bool = true) {
    var term = Term(form, .word, text: word.lower)
    if word.hasCapital {
      let capital = Self.isCapital(word.text.unicodeScalars.first)
      let hasMore = word.text.unicodeScalars.dropFirst().contains { Self.isCapital($0) }
      term.isName = capital && (hasWord || hasMore) && form != "i"
      term.isInCapitals = capital && hasMore && word.text.unicodeScalars.allSatisfy { Self.isCapital($0) }
      term.isMixed = !capital && hasMore
    }
    term.bases = Inflection.bases(of: form)
    terms.append(term)
    hasWord = true
    if advances { index += 1 }
  }

  private static func isCapital(_ scalar: Unicode.Scalar?) -> Bool {
    guard let scalar else { return false }
    return scalar.isASCII ? (0x41...0x5A).contains(scalar.value) : scalar.properties.isUppercase
  }

  /// U.S., e.g.
  private func initials() -> (String, Int)? {
    var form = ""
    var count = 0
    while let word = piece(count), word.kind == .word, word.text.unicodeScalars.count == 1,
      isMark(count + 1, "."),
      piece(count + 1)?.isAttached ?? false, count == 0 || word.isAttached
    {
      form += word.lower + "."
      count += 2
    }
    return count >= 4 ? (form == "u.s.a." ? "u.s." : form, count) : nil
  }

  /// Abbreviations that are written with and without points.
  private static let states = [
    "US": "u.s.", "USA": "u.s.", "UK": "u.k.", "EU": "e.u.", "UN": "u.n.", "DC": "d.c.", "USSR": "u.s.s.r.",
  ]

  private static let marks: [String: (String, Term.Kind)] = [
    "&": ("and", .word), "§": ("section", .word), "=": ("=", .relation), "<": ("<", .relation),
    ">": (">", .relation),
    "≤": ("≤", .relation), "≥": ("≥", .relation), "≈": ("≈", .relation), "~": ("≈", .relation),
    "%": ("percent", .unit), "±": ("±", .relation), "+": ("plus", .word),
  ]

  private mutating func readMark() {
    guard let mark = piece(0) else { return }
    if mark.kind == .mark, let (form, kind) = Self.marks[mark.text] {
      var term = Term(form, kind, text: mark.text)
      if kind == .word { term.bases = Inflection.bases(of: form) }
      terms.append(term)
    } else if mark.kind != .mark {
      // Not expected, because digits, codes and words have been read before.
      terms.append(Term(mark.lower, .code, text: mark.lower))
    } else if isMeaningful(mark) {
      terms.append(Term(mark.text, .relation, text: mark.text))
    } else if mark.text == ":", labelEnd == nil {
      labelEnd = terms.count
    }
    index += 1
  }

  /// Whether a mark has a meaning: symbols do, and a few other marks do in certain positions. Commas, full stops,
  /// brackets, quotation marks and the marks of Markdown do not.
  private func isMeaningful(_ mark: TextScanner.Piece) -> Bool {
    let next = piece(1)
    let isInside =
      mark.isAttached && piece(-1)?.kind != .mark && (next?.isAttached ?? false) && next?.kind != .mark
    switch mark.text {
    case "|", "`", "^": return false
    case "!": return next?.text == "=" && next?.isAttached ?? false
    case "*", "/": return isInside
    case "#": return mark.isAttached && piece(-1)?.kind == .word
    case "-":
      // A hyphen has a meaning in a grade such as "B-", and as a minus before a number with spaces around it. At the
      // front of the text, it begins an item of a list.
      let isGrade = mark.isAttached && piece(-1)?.kind == .word && !(next?.isAttached ?? false)
      let isAlone = !mark.isAttached && !(next?.isAttached ?? true) && next?.kind == .digits && index > 0
      return isGrade || isAlone
    case "\u{2013}", "\u{2212}": return !mark.isAttached && next?.kind == .digits && index > 0
    case "\u{2030}", "\u{2032}", "\u{2033}": return true
    default:
      switch mark.text.unicodeScalars.first?.properties.generalCategory {
      case .mathSymbol, .currencySymbol, .otherSymbol: return true
      default: return false
      }
    }
  }
}
