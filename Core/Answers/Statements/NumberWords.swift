/// Numbers that are written in English words.
enum NumberWords {
  static let units: [String: Int] = [
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
  ]
  static let tens: [String: Int] = [
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
  ]
  /// How many zeros a word adds.
  static let multipliers: [String: Int] = [
    "hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12,
  ]
  static let ordinals: [String: Int] = [
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15,
    "sixteenth": 16,
    "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30, "fortieth": 40,
    "fiftieth": 50, "sixtieth": 60, "seventieth": 70, "eightieth": 80, "ninetieth": 90, "hundredth": 100,
  ]

  /// Roman numbers in lower case, as in "World War II".
  static let roman: [String: String] = [
    "i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8", "ix": "9",
    "x": "10",
    "xi": "11", "xii": "12", "xiii": "13", "xiv": "14", "xv": "15", "xvi": "16", "xx": "20",
  ]

  /// The ordinal in digits: `21st`.
  static func ordinal(_ value: String) -> String {
    let two = value.suffix(2)
    if ["11", "12", "13"].contains(two) { return value + "th" }
    switch value.last {
    case "1": return value + "st"
    case "2": return value + "nd"
    case "3": return value + "rd"
    default: return value + "th"
    }
  }

  /// A number times a power of ten, in digits: `1500000` for 1.5 and 6.
  ///
  /// - Parameter number: digits with at most one point.
  static func scaled(_ number: String, byTenTo zeros: Int) -> String {
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    let fraction = parts.count > 1 ? String(parts[1]) : ""
    let shifted = fraction.prefix(zeros) + String(repeating: "0", count: max(0, zeros - fraction.utf8.count))
    let whole = (String(parts[0]) + shifted).drop { $0 == "0" }
    let rest = fraction.dropFirst(zeros)
    return (whole.isEmpty ? "0" : String(whole)) + (rest.isEmpty ? "" : "." + rest)
  }
}
