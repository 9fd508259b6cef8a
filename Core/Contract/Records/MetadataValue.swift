/// A value of document metadata, or of a filter.
package enum MetadataValue: Sendable, Hashable {
  case string(String)
  case number(ExactNumber)
  case bool(Bool)
  /// A list of scalars. A condition of a filter matches the list if it matches any of them.
  case list([MetadataValue])

  package static let listMax = 1000

  /// - Returns: nil for null, objects, nested lists, and lists that are too long.
  /// - Throws: `FieldError` for a number that can't be kept exactly.
  package init?(json: JSONValue, field: String) throws(FieldError) {
    switch json {
    case .string(let text): self = .string(text)
    case .number(let text, _):
      guard let number = ExactNumber(text) else {
        throw FieldError(.badValue, field: field, value: text, rule: ExactNumber.rule)
      }
      self = .number(number)
    case .bool(let flag): self = .bool(flag)
    case .array(let items):
      guard items.count <= Self.listMax else { return nil }
      var values: [MetadataValue] = []
      for item in items {
        if case .array = item { return nil }
        guard let value = try MetadataValue(json: item, field: field) else { return nil }
        values.append(value)
      }
      self = .list(values)
    default: return nil
    }
  }

  package var json: JSONValue {
    switch self {
    case .string(let text): .string(text)
    case .number(let number): .number(number.text, number.double)
    case .bool(let flag): .bool(flag)
    case .list(let values): .array(values.map(\.json))
    }
  }

  package var isList: Bool { if case .list = self { true } else { false } }

  package var byteCount: Int {
    switch self {
    case .string(let text): text.utf8.count
    case .number, .bool: 8
    case .list(let values): values.reduce(8) { $0 + $1.byteCount }
    }
  }
}
