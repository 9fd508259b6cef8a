/// A JSON value. Members keep their order, and numbers keep their text.
package indirect enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// The number's text (RFC 8259 grammar) and its nearest double, which is always finite.
  case number(String, Double)
  case string(String)
  case array([JSONValue])
  case object([JSONMember])

  /// The value of a member; nil when the member is missing or this is not an object.
  package subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  /// The name of the JSON type, for error messages.
  package var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }

  package var stringValue: String? { if case .string(let text) = self { text } else { nil } }
  package var doubleValue: Double? { if case .number(_, let number) = self { number } else { nil } }
  package var boolValue: Bool? { if case .bool(let flag) = self { flag } else { nil } }
  /// The number as it was written.
  package var numberText: String? { if case .number(let text, _) = self { text } else { nil } }
  package var arrayValue: [JSONValue]? { if case .array(let items) = self { items } else { nil } }
  package var members: [JSONMember]? { if case .object(let members) = self { members } else { nil } }
  /// The exact integer; nil for fractions, exponents and integers beyond 64 bits.
  package var integerValue: Int64? { if case .number(let text, _) = self { Int64(text) } else { nil } }

  package static func int(_ value: some BinaryInteger) -> JSONValue { .number("\(value)", Double(value)) }

  /// A finite number. Infinity and NaN become null, because JSON can't express them.
  package static func double(_ value: Double) -> JSONValue {
    value.isFinite ? .number("\(value)", value) : .null
  }

  /// An object without the members whose value is nil.
  package static func object(_ pairs: KeyValuePairs<String, JSONValue?>) -> JSONValue {
    .object(pairs.compactMap { name, value in value.map { JSONMember(name: name, value: $0) } })
  }
}
