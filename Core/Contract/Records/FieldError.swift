import Failures

/// The reason why a record is rejected: a code for programs, and the field, value and rule for people.
package struct FieldError: Failure, Equatable {
  package var code: ErrorCode
  /// At most 120 Unicode scalars, because producers choose the names of metadata fields.
  package var field: String
  /// At most 120 Unicode scalars of the offending value. Scalars are counted because one character may have
  /// a million of them.
  package var value: String
  package var rule: String

  package init(_ code: ErrorCode, field: String, value: String, rule: String) {
    self.code = code
    self.field = Self.start(field, 120)
    self.value = Self.start(value, 120)
    self.rule = Self.start(rule, 1000)
  }

  private static func start(_ text: String, _ count: Int) -> String {
    let start = text.unicodeScalars.prefix(count)
    return start.endIndex < text.unicodeScalars.endIndex
      ? String(String.UnicodeScalarView(start.dropLast())) + "…" : text
  }

  package var kind: FailureKind { code == .machineFault ? .retriable : .rejected }
  /// The sentence that names field, value and rule.
  package var message: String { "\(field): '\(value)' \(rule)" }
  package var description: String { "\(code): \(message)" }
}
