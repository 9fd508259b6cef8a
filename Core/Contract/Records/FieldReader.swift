/// Reads the fields of a public record and reports the first that breaks its rule.
struct FieldReader {
  let object: JSONValue
  /// Where the object sits, for the field's name in an error (`reply_to.`).
  var prefix = ""

  static func read(_ bytes: [UInt8]) throws(FieldError) -> FieldReader {
    let value: JSONValue
    do {
      value = try JSONReader.read(bytes)
    } catch {
      let from = max(0, min(error.position - 16, bytes.count))
      let near = String(decoding: bytes[from..<min(bytes.count, from + 48)], as: UTF8.self)
      throw FieldError("not_json", field: "value", value: near, rule: "is not JSON: \(error)")
    }
    guard value.members != nil else {
      throw FieldError("not_json", field: "value", value: value.typeName, rule: "must be a JSON object")
    }
    return FieldReader(object: value)
  }

  /// Null counts as absent.
  func present(_ name: String) -> JSONValue? {
    guard let value = object[name], value != .null else { return nil }
    return value
  }

  func wrongType(_ name: String, _ value: JSONValue, _ rule: String) -> FieldError {
    FieldError(
      "bad_type", field: prefix + name, value: value.text, rule: "must be \(rule), not \(value.typeName)")
  }

  func string(_ name: String, bytesMax: Int = 4096) throws(FieldError) -> String? {
    guard let value = present(name) else { return nil }
    guard let text = value.stringValue else { throw wrongType(name, value, "a string") }
    guard text.utf8.count <= bytesMax else {
      throw FieldError(
        "too_long", field: prefix + name, value: text, rule: "must be at most \(bytesMax) bytes")
    }
    return text
  }

  func integer(_ name: String, in range: ClosedRange<Int64>) throws(FieldError) -> Int64? {
    guard let value = present(name) else { return nil }
    guard case .number(let text, _) = value else { throw wrongType(name, value, "an integer") }
    guard let number = value.integerValue, range.contains(number) else {
      throw FieldError(
        "out_of_range", field: prefix + name, value: text,
        rule: "must be an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func bool(_ name: String) throws(FieldError) -> Bool? {
    guard let value = present(name) else { return nil }
    guard let flag = value.boolValue else { throw wrongType(name, value, "true or false") }
    return flag
  }

  func strings(_ name: String, countMax: Int) throws(FieldError) -> [String]? {
    guard let value = present(name) else { return nil }
    guard let items = value.arrayValue else { throw wrongType(name, value, "an array of strings") }
    guard items.count <= countMax else {
      throw FieldError(
        "too_long", field: prefix + name, value: "\(items.count) items",
        rule: "must have at most \(countMax) items")
    }
    var texts: [String] = []
    for item in items {
      guard let text = item.stringValue else { throw wrongType(name, item, "an array of strings") }
      texts.append(text)
    }
    return texts
  }

  func choice<Choice: RawRepresentable & CaseIterable>(_ name: String, _ type: Choice.Type) throws(FieldError)
    -> Choice? where Choice.RawValue == String
  {
    guard let text = try string(name) else { return nil }
    guard let choice = Choice(rawValue: text) else {
      let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw FieldError("bad_value", field: prefix + name, value: text, rule: "must be one of \(names)")
    }
    return choice
  }

  func tenant() throws(FieldError) -> TenantID {
    guard let text = try string("tenant") else { return .standard }
    guard let tenant = TenantID(text) else {
      throw FieldError("bad_tenant", field: "tenant", value: text, rule: TenantID.rule)
    }
    return tenant
  }

  /// Milliseconds since 1970, from an integer or an RFC 3339 time in UTC (`2026-11-24T09:00:00Z`).
  func time(_ name: String) throws(FieldError) -> Int64? {
    guard let value = present(name) else { return nil }
    if let number = value.integerValue {
      guard number <= WireBounds.numberMax else {
        throw FieldError(
          "out_of_range", field: prefix + name, value: value.text,
          rule: "must be at most \(WireBounds.numberMax) milliseconds since 1970")
      }
      return number
    }
    guard let text = value.stringValue, let time = UTCTime.milliseconds(text) else {
      throw FieldError(
        "bad_value", field: prefix + name, value: value.stringValue ?? value.text,
        rule: "must be milliseconds since 1970 or a time like 2026-11-24T09:00:00Z")
    }
    return time
  }
}

enum UTCTime {
  /// Howard Hinnant's days-from-civil; no time zone but `Z` is understood.
  static func milliseconds(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z"), bytes[4] == UInt8(ascii: "-"),
      bytes[7] == UInt8(ascii: "-"), bytes[10] == UInt8(ascii: "T"), bytes[13] == UInt8(ascii: ":"),
      bytes[16] == UInt8(ascii: ":"), let year = number(bytes[0..<4]), let month = number(bytes[5..<7]),
      let day = number(bytes[8..<10]), let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]),
      let second = number(bytes[17..<19]), (1...12).contains(month), (1...31).contains(day), hour < 24,
      minute < 60, second < 61
    else { return nil }
    var fraction: Int64 = 0
    if bytes.count > 20 {
      guard bytes[19] == UInt8(ascii: "."), bytes.count <= 30 else { return nil }
      let digits = bytes[20..<bytes.count - 1]
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
    return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + fraction
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
    guard !digits.isEmpty, digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else {
      return nil
    }
    return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
  }
}
