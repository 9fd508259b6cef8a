/// Reads RFC 3339 times, in UTC or with an offset.
enum UTCTime {
  /// Milliseconds since 1970; nil when the text is not such a time. As the standard allows, `z` may replace `Z`, and
  /// `t` or a space may replace `T`. The days are counted by Howard Hinnant's `days_from_civil`.
  static func milliseconds(_ text: String) -> Int64? {
    var bytes = Array(text.utf8)
    guard let offset = takeOffset(&bytes) else { return nil }
    guard bytes.count >= 19, bytes[4] == UInt8(ascii: "-"),
      bytes[7] == UInt8(ascii: "-"), [UInt8(ascii: "T"), UInt8(ascii: "t"), 0x20].contains(bytes[10]),
      bytes[13] == UInt8(ascii: ":"),
      bytes[16] == UInt8(ascii: ":"), let year = number(bytes[0..<4]), let month = number(bytes[5..<7]),
      let day = number(bytes[8..<10]), let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]),
      let second = number(bytes[17..<19]), (1...12).contains(month), (1...31).contains(day), hour < 24,
      minute < 60, second < 61
    else { return nil }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    guard day <= [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][Int(month) - 1] else {
      return nil
    }
    var fraction: Int64 = 0
    if bytes.count > 19 {
      guard bytes[19] == UInt8(ascii: "."), bytes.count <= 29 else { return nil }
      let digits = bytes[20...]
      guard let value = number(digits) else { return nil }
      fraction = value
      for _ in digits.count..<9 { fraction *= 10 }
      fraction /= 1_000_000
    }
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    return ((days * 24 + hour) * 60 + minute - offset) * 60_000 + second * 1000 + fraction
  }

  /// Removes `Z` or `+hh:mm` from the end.
  ///
  /// - Returns: the offset in minutes; nil without one.
  private static func takeOffset(_ bytes: inout [UInt8]) -> Int64? {
    if bytes.last == UInt8(ascii: "Z") || bytes.last == UInt8(ascii: "z") {
      bytes.removeLast()
      return 0
    }
    guard bytes.count >= 25 else { return nil }
    let end = Array(bytes.suffix(6))
    guard end[0] == UInt8(ascii: "+") || end[0] == UInt8(ascii: "-"), end[3] == UInt8(ascii: ":"),
      let hours = number(end[1..<3]), let minutes = number(end[4..<6]), hours < 24, minutes < 60
    else { return nil }
    bytes.removeLast(6)
    return (hours * 60 + minutes) * (end[0] == UInt8(ascii: "-") ? -1 : 1)
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
    guard !digits.isEmpty, digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else {
      return nil
    }
    return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
  }
}
