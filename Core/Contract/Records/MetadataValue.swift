/// A value of document metadata.
package enum MetadataValue: Sendable, Hashable {
  case string(String)
  case number(Double)
  case bool(Bool)

  init?(json: JSONValue) {
    switch json {
    case .string(let text): self = .string(text)
    case .number(_, let number): self = .number(number)
    case .bool(let flag): self = .bool(flag)
    default: return nil
    }
  }

  package var json: JSONValue {
    switch self {
    case .string(let text): .string(text)
    case .number(let number): .double(number)
    case .bool(let flag): .bool(flag)
    }
  }
}
