/// Why a record is rejected: a code for programs, and the field, value and rule for people.
package struct FieldError: Error, Sendable, Equatable, CustomStringConvertible {
  package var code: String
  package var field: String
  /// At most 120 Unicode scalars of the offending value: a character may have a million of them.
  package var value: String
  package var rule: String

  package init(_ code: String, field: String, value: String, rule: String) {
    self.code = code
    self.field = field
    let start = value.unicodeScalars.prefix(120)
    self.value =
      start.endIndex < value.unicodeScalars.endIndex
      ? String(String.UnicodeScalarView(start.dropLast())) + "…" : value
    self.rule = rule
  }

  /// The sentence that names field, value and rule.
  package var message: String { "\(field): '\(value)' \(rule)" }
  package var description: String { "\(code): \(message)" }
}

/// The error of an answer or a status event.
package struct RecordError: Sendable, Equatable {
  package var code: String
  package var field: String
  package var message: String

  package init(code: String, field: String, message: String) {
    self.code = code
    self.field = field
    self.message = message
  }

  package init(_ error: FieldError) {
    self.init(code: error.code, field: error.field, message: error.message)
  }

  package var json: JSONValue {
    .object(["code": .string(code), "field": .string(field), "message": .string(message)])
  }

  package init?(json: JSONValue?) {
    guard let json, json.members != nil else { return nil }
    self.init(
      code: json["code"]?.stringValue ?? "", field: json["field"]?.stringValue ?? "",
      message: json["message"]?.stringValue ?? "")
  }
}
