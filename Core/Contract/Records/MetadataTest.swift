/// A condition on one field of a document's metadata.
///
/// A list matches if one of its elements meets the whole condition: `{"$gte":5,"$lt":10}` does not match `[3, 20]`.
package struct MetadataTest: Sendable, Equatable {
  /// One end of a range.
  struct Bound: Sendable, Equatable {
    var place: Place
    var isIncluded: Bool
  }

  /// A value that has an order. Numbers are compared exactly; times are compared as points in time.
  enum Place: Sendable, Equatable {
    case number(ExactNumber)
    /// Milliseconds since 1970.
    case time(Int64)

    /// Nil for a value without an order: a boolean, a list, or a text that is not a date or a time.
    init?(_ value: MetadataValue) {
      switch value {
      case .number(let number): self = .number(number)
      case .string(let text):
        guard let time = UTCTime.milliseconds(text) ?? UTCTime.milliseconds(text + "T00:00:00Z") else {
          return nil
        }
        self = .time(time)
      case .bool, .list: return nil
      }
    }

    /// - Returns: nil when one is a number and the other a time.
    static func isLess(_ a: Place, _ b: Place) -> Bool? {
      switch (a, b) {
      case (.number(let a), .number(let b)): a < b
      case (.time(let a), .time(let b)): a < b
      default: nil
      }
    }
  }

  private static let operators = "$eq, $ne, $in, $nin, $gt, $gte, $lt, $lte or $exists"

  /// The field must have one of these values; nil: it may have any.
  private var values: [MetadataValue]?
  private var lower: Bound?
  private var upper: Bound?
  /// The bounds as they were written, for `json`.
  private var bounds: [JSONMember] = []
  /// True: the field must be present; false: it must be absent; nil: the other conditions decide.
  private var exists: Bool?

  package init(values: [MetadataValue]) { self.values = values }
  private init() {}

  /// The values; nil when the test has other conditions.
  var onlyValues: [MetadataValue]? {
    lower == nil && upper == nil && exists == nil ? values : nil
  }

  /// - Parameter value: nil for a document without the field.
  func matches(_ value: MetadataValue?) -> Bool {
    if let exists, exists != (value != nil) { return false }
    guard values != nil || lower != nil || upper != nil else { return true }
    guard let value else { return false }
    if case .list(let elements) = value { return elements.contains(where: meets) }
    return meets(value)
  }

  private func meets(_ value: MetadataValue) -> Bool {
    if let values, !values.contains(value) { return false }
    guard lower != nil || upper != nil else { return true }
    guard let place = Place(value) else { return false }
    if let lower {
      guard let isBelow = Place.isLess(place, lower.place), !isBelow else { return false }
      if !lower.isIncluded, Place.isLess(lower.place, place) != true { return false }
    }
    if let upper {
      guard let isAbove = Place.isLess(upper.place, place), !isAbove else { return false }
      if !upper.isIncluded, Place.isLess(place, upper.place) != true { return false }
    }
    return true
  }

  /// Reads the JSON value beside a field's name: a value, a list of values, or an object of operators.
  ///
  /// - Parameter count: grows by the number of values.
  /// - Returns: tests that must all hold, or, if negated, must not hold.
  /// - Throws: `FieldError` for the first part that breaks its rule.
  static func tests(_ json: JSONValue, field: String, _ count: inout Int) throws(FieldError)
    -> [(test: MetadataTest, isNegated: Bool)]
  {
    guard let members = json.members else {
      return [(MetadataTest(values: try scalars(json, field, &count)), false)]
    }
    guard !members.isEmpty else {
      throw FieldError(.badValue, field: field, value: "{}", rule: "must have an operator: \(operators)")
    }
    var main = MetadataTest()
    var result: [(test: MetadataTest, isNegated: Bool)] = []
    for member in members {
      let name = "\(field).\(member.name)"
      switch member.name {
      case "$eq", "$in":
        let isOne = member.name == "$eq"
        let found = try scalars(member.value, name, &count, isOne: isOne, isList: !isOne)
        // With both operators, a value must be in both lists.
        main.values = main.values.map { $0.filter(found.contains) } ?? found
      case "$ne", "$nin":
        let isOne = member.name == "$ne"
        let found = try scalars(member.value, name, &count, isOne: isOne, isList: !isOne)
        result.append((MetadataTest(values: found), true))
      case "$gt", "$gte": main.lower = try main.bound(member, name, &count, other: main.lower)
      case "$lt", "$lte": main.upper = try main.bound(member, name, &count, other: main.upper)
      case "$exists":
        guard let flag = member.value.boolValue else {
          throw FieldError(
            .badType, field: name, value: member.value.text,
            rule: "must be true or false, not \(member.value.typeName)")
        }
        main.exists = flag
      default:
        throw FieldError(.badValue, field: name, value: member.name, rule: "must be \(operators)")
      }
    }
    if let lower = main.lower, let upper = main.upper, Place.isLess(lower.place, upper.place) == nil {
      throw FieldError(
        .badValue, field: field, value: json.text, rule: "must not mix numbers and times in one range")
    }
    if main != MetadataTest() { result.insert((main, false), at: 0) }
    return result
  }

  private mutating func bound(
    _ member: JSONMember, _ field: String, _ count: inout Int, other: Bound?
  ) throws(FieldError) -> Bound {
    guard other == nil else {
      throw FieldError(
        .badValue, field: field, value: member.value.text,
        rule: "must be the only bound at its end of the range")
    }
    guard let value = try MetadataValue(json: member.value, field: field), let place = Place(value) else {
      throw FieldError(
        .badValue, field: field, value: member.value.text,
        rule: "must be a number, or a date or time of RFC 3339 with its offset")
    }
    count += 1
    bounds.append(JSONMember(name: member.name, value: value.json))
    return Bound(place: place, isIncluded: member.name.hasSuffix("e"))
  }

  private static func scalars(
    _ json: JSONValue, _ field: String, _ count: inout Int, isOne: Bool = false, isList: Bool = false
  ) throws(FieldError) -> [MetadataValue] {
    let items = isOne ? [json] : json.arrayValue ?? [json]
    var values: [MetadataValue] = []
    for item in items {
      guard !isList || json.arrayValue != nil, let value = try MetadataValue(json: item, field: field),
        !value.isList
      else {
        let rule =
          isOne
          ? "a string, number or boolean"
          : isList
            ? "an array of strings, numbers and booleans"
            : "a string, number, boolean, an array of them or an object of operators"
        throw FieldError(
          .badType, field: field, value: item.text, rule: "must be \(rule), not \(item.typeName)")
      }
      values.append(value)
    }
    count += values.count
    return values
  }

  var json: JSONValue {
    if let onlyValues { return .array(onlyValues.map(\.json)) }
    var members: [JSONMember] = []
    if let values { members.append(JSONMember(name: "$in", value: .array(values.map(\.json)))) }
    members += bounds.sorted { $0.name < $1.name }
    if let exists { members.append(JSONMember(name: "$exists", value: .bool(exists))) }
    return .object(members)
  }

  package static func == (a: MetadataTest, b: MetadataTest) -> Bool {
    a.values == b.values && a.lower == b.lower && a.upper == b.upper && a.exists == b.exists
  }
}
