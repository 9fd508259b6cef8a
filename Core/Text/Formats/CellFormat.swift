import Foundation

/// How a workbook shows a number: as a date, or with decimals, groups, a percent sign and fixed text around it.
struct CellFormat {
  private enum Kind { case general, number, date }

  private var kind = Kind.general
  private var decimals = 0
  private var isGrouped = false
  private var isPercent = false
  private var isElapsed = false
  /// The least number of digits before the decimal point.
  private var zeros = 0
  /// The divisor: each comma after the digits divides by a thousand.
  private var scale = 1.0
  private var hasTime = false
  private var hasDay = true
  private var before = ""
  private var after = ""

  static let general = CellFormat()

  private static let builtIn: [Int: String] = [
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 14: "yyyy-mm-dd", 15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy", 18: "h:mm", 19: "h:mm:ss", 20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0",
    38: "#,##0",
    39: "#,##0.00", 40: "#,##0.00", 45: "mm:ss", 46: "h:mm:ss", 47: "mm:ss",
  ]

  /// Built-in formats that depend on the locale: amounts of money, and dates of East Asian editions.
  private static func regional(_ id: Int) -> String? {
    switch id {
    case 5, 6, 41, 42: "#,##0"
    case 7, 8, 43, 44: "#,##0.00"
    case 27...31, 36, 50...54, 57, 58: "yyyy-mm-dd"
    case 32...35, 55, 56: "h:mm"
    default: nil
    }
  }

  private init() {}

  init(id: Int, code: String?) {
    guard let code = code ?? Self.builtIn[id] ?? Self.regional(id), code.lowercased() != "general" else {
      return
    }
    // Only the first section is used: those for negative numbers, zero and text follow it.
    let section = code.split(separator: ";", omittingEmptySubsequences: false).first ?? ""
    var letters = ""
    var isQuoted = false
    var bracketed: String?
    var seenDigit = false
    var seenPoint = false
    var commas = 0
    var iterator = section.makeIterator()
    while let character = iterator.next() {
      if character == "\"" { isQuoted.toggle(); continue }
      if isQuoted { add(String(character), seenDigit); continue }
      if character == "[" {
        bracketed = ""
        continue
      }
      if let inside = bracketed {
        if character != "]" {
          bracketed = inside + String(character)
          continue
        }
        bracketed = nil
        if inside.hasPrefix("$") {
          add(String(inside.dropFirst().prefix { $0 != "-" }), seenDigit)
        } else if !inside.isEmpty, inside.allSatisfy({ "hmsHMS".contains($0) }) {
          // Elapsed time: hours may exceed 24.
          isElapsed = true
          letters += "h"
        }
        continue
      }
      switch character {
      case "\\": if let next = iterator.next() { add(String(next), seenDigit) }
      case "_", "*": _ = iterator.next()
      case "0", "#", "?":
        if seenPoint { decimals += 1 } else if character == "0" { zeros = min(30, zeros + 1) }
        isGrouped = isGrouped || commas > 0
        commas = 0
        seenDigit = true
      case ".": if seenDigit { seenPoint = true }
      case ",": if seenDigit { commas += 1 }
      case "%": isPercent = true
      // A fraction, or digits with signs between them, are shown as a plain number.
      case "/" where seenDigit, "-" where seenDigit: return
      case "y", "m", "d", "h", "s", "Y", "M", "D", "H", "S": letters += character.lowercased()
      case "€", "$", "£", "¥", " ": add(String(character), seenDigit)
      default: break
      }
    }
    for _ in 0..<min(5, commas) { scale *= 1000 }
    if before.allSatisfy(\.isWhitespace) { before = "" }
    if after.allSatisfy(\.isWhitespace) { after = "" }
    if letters.contains(where: { "ydhs".contains($0) }) || (!seenDigit && letters.contains("mm")) {
      kind = .date
      hasTime = letters.contains("h") || letters.contains("s")
      hasDay =
        !isElapsed && (letters.contains("y") || letters.contains("d") || letters.allSatisfy { $0 == "m" })
    } else if seenDigit {
      kind = .number
    }
  }

  private mutating func add(_ text: String, _ isAfter: Bool) {
    if isAfter { after += text } else { before += text }
  }

  /// - Parameter text: a number as it is stored.
  func shown(_ text: String, is1904: Bool) -> String {
    guard let number = Double(text), number.isFinite else { return text }
    switch kind {
    case .general: return Self.plain(number)
    case .date: return date(number, is1904: is1904)
    case .number:
      // Round half away from zero, as Excel does. The factor near 1 corrects decimals that a double holds as slightly
      // less.
      let value = (isPercent ? number * 100 : number) / scale
      let factor = pow(10, Double(min(15, decimals)))
      let rounded = (abs(value) * factor * (1 + 1e-15)).rounded(.toNearestOrAwayFromZero) / factor
      var digits = String(
        format: "%.\(min(30, decimals))f", locale: Locale(identifier: "en_US_POSIX"),
        rounded.isFinite ? rounded : abs(value))
      let wholeCount = digits.prefix { $0 != "." }.count
      if wholeCount < zeros { digits = String(repeating: "0", count: min(30, zeros) - wholeCount) + digits }
      if isGrouped {
        let whole = digits.prefix { $0 != "." }
        var grouped = ""
        for (index, digit) in whole.enumerated() {
          if index > 0, (whole.count - index) % 3 == 0 { grouped += "," }
          grouped.append(digit)
        }
        digits = grouped + digits.dropFirst(whole.count)
      }
      return (value < 0 && rounded > 0 ? "-" : "") + before + digits + (isPercent ? "%" : "") + after
    }
  }

  /// At most 15 significant digits, which leaves out the error of a double.
  private static func plain(_ number: Double) -> String {
    if number == number.rounded(), abs(number) < 1e15 { return String(format: "%.0f", number) }
    return String(format: "%.15g", number)
  }

  /// The date as ISO 8601 writes it, so that day and month can't be confused.
  private func date(_ serial: Double, is1904: Bool) -> String {
    guard (0..<2_958_466).contains(serial) else { return Self.plain(serial) }
    let seconds = (serial * 86_400).rounded()
    let (days, rest) = (Int(seconds / 86_400), Int(seconds.truncatingRemainder(dividingBy: 86_400)))
    let time =
      String(format: "%02d:%02d", rest / 3600 + (isElapsed ? days * 24 : 0), rest / 60 % 60)
      + (rest % 60 == 0 ? "" : String(format: ":%02d", rest % 60))
    guard hasDay else { return time }
    // Day 60 is 29 February 1900, which did not exist: Excel inherited it from an older program.
    let (year, month, date) = Self.civil(is1904 ? days - 24_107 : (days < 60 ? days + 1 : days) - 25_569)
    let text = String(format: "%04d-%02d-%02d", year, month, date)
    return hasTime && rest > 0 ? "\(text) \(time)" : text
  }

  /// Howard Hinnant's `civil_from_days`: the date of a day, counted from 1 January 1970.
  private static func civil(_ days: Int) -> (Int, Int, Int) {
    let z = days + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }
}
