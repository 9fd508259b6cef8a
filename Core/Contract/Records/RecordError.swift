/// The error of an answer or a status event.
package struct RecordError: Sendable, Equatable {
  /// An `ErrorCode`, or a code that only a newer release knows.
  package var code: String
  package var field: String
  package var message: String

  package init(code: ErrorCode, field: String, message: String) {
    self.init(rawCode: code.rawValue, field: field, message: message)
  }

  package init(rawCode: String, field: String, message: String) {
    code = rawCode
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
      rawCode: json["code"]?.stringValue ?? "", field: json["field"]?.stringValue ?? "",
      message: json["message"]?.stringValue ?? "")
  }
}
