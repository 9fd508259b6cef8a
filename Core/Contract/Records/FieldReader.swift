/// Reads the fields of a public record. Each reader returns nil for an absent field, and throws a
/// `FieldError` for a field that breaks its rule.
struct FieldReader {
  let object: JSONValue
  /// The path of the object within the record, for the field's name in an error. For example `reply_to.`.
  var prefix = ""

  static func read(_ bytes: [UInt8]) throws(FieldError) -> FieldReader {
    let value: JSONValue
    do {
      value = try JSONReader.read(bytes)
    } catch {
      let from = max(0, min(error.position - 16, bytes.count))
      let near = String(decoding: bytes[from..<min(bytes.count, from + 48)], as: UTF8.self)
      throw FieldError(.notJSON, field: "value", value: near, rule: "is not JSON: \(error)")
    }
    guard value.members != nil else {
      throw FieldError(.notJSON, field: "value", value: value.typeName, rule: "must be a JSON object")
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
      .badType, field: prefix + name, value: value.text, rule: "must be \(rule), not \(value.typeName)")
  }

  func string(_ name: String, bytesMax: Int = 4096) throws(FieldError) -> String? {
    guard let value = present(name) else { return nil }
    guard let text = value.stringValue else { throw wrongType(name, value, "a string") }
    guard text.utf8.count <= bytesMax else {
      throw FieldError(
        .tooLong, field: prefix + name, value: text, rule: "must be at most \(bytesMax) bytes")
    }
    return text
  }

  func integer(_ name: String, in range: ClosedRange<Int64>) throws(FieldError) -> Int64? {
    guard let value = present(name) else { return nil }
    guard case .number(let text, _) = value else { throw wrongType(name, value, "an integer") }
    guard let number = value.integerValue, range.contains(number) else {
      throw FieldError(
        .outOfRange, field: prefix + name, value: text,
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
        .tooLong, field: prefix + name, value: "\(items.count) items",
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
      throw FieldError(.badValue, field: prefix + name, value: text, rule: "must be one of \(names)")
    }
    return choice
  }

  func tenant() throws(FieldError) -> TenantID {
    guard let text = try string("tenant") else { return .standard }
    guard let tenant = TenantID(text) else {
      throw FieldError(.badTenant, field: "tenant", value: text, rule: TenantID.rule)
    }
    return tenant
  }

  /// Reads milliseconds since 1970 from a number of seconds or milliseconds, or from an RFC 3339 time with its offset
  /// (`2026-11-24T09:00:00Z`).
  func time(_ name: String) throws(FieldError) -> Int64? {
    guard let value = present(name) else { return nil }
    if let number = value.doubleValue {
      // Numbers between the two limits are refused as mistakes: as seconds they would be after the year 10,000,
      // as milliseconds between 1978 and 2001.
      if number >= 0, number < Self.secondsEnd { return Int64(number * 1000) }
      if number >= Self.millisecondsStart, number <= Double(WireBounds.numberMax) { return Int64(number) }
      throw FieldError(
        .outOfRange, field: prefix + name, value: value.text,
        rule:
          "must be 0 for never, seconds since 1970 below 260000000000, or milliseconds from 978307200000 on")
    }
    guard let text = value.stringValue, let time = UTCTime.milliseconds(text) else {
      throw FieldError(
        .badValue, field: prefix + name, value: value.stringValue ?? value.text,
        rule: "must be a number, or a time like 2026-11-24T09:00:00Z or 2026-11-24T10:00:00+01:00")
    }
    return time
  }

  private static let secondsEnd = 2.6e11
  private static let millisecondsStart = 978_307_200_000.0
}
