/// Reads RFC 8259 JSON strictly: valid UTF-8, no duplicate names, no lone surrogates, a limit on depth, and
/// nothing after the value. Foundation's reader drops duplicate names silently and reports no position.
///
/// Complexity: O(bytes); recursion is bounded by `depthMax`.
package struct JSONReader {
  /// The limit on nesting. Millrace's own records are less deep, and a recursion of this depth fits any thread's stack.
  package static let depthMax = 64

  private let bytes: [UInt8]
  private var position = 0

  /// Reads one value, with nothing but white space around it.
  ///
  /// - Throws: `JSONError` with the byte position and the rule.
  package static func read(_ bytes: [UInt8]) throws(JSONError) -> JSONValue {
    var reader = JSONReader(bytes: bytes)
    reader.skipSpace()
    let value = try reader.value(depth: 0)
    reader.skipSpace()
    guard reader.position == bytes.count else { throw reader.error("something follows the value") }
    return value
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func error(_ rule: String) -> JSONError { JSONError(position: position, rule: rule) }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    guard depth < Self.depthMax else { throw error("nested deeper than \(Self.depthMax) levels") }
    switch current {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case .some(let byte) where byte == UInt8(ascii: "-") || Self.isDigit(byte): return try number()
    case nil: throw error("ends where a value is expected")
    default: throw error("is no JSON value")
    }
  }

  private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    let expected = Array(text.description.utf8)
    guard bytes.count - position >= expected.count,
      bytes[position..<position + expected.count].elementsEqual(expected)
    else { throw error("is no JSON value") }
    position += expected.count
    return value
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
    position += 1
    var members: [JSONMember] = []
    var names: Set<String> = []
    skipSpace()
    if current == UInt8(ascii: "}") {
      position += 1
      return .object([])
    }
    while true {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw error("a member's name must be a string") }
      let start = position
      let name = try string()
      guard names.insert(name).inserted else {
        throw JSONError(position: start, rule: "the name '\(name.prefix(64))' appears twice in one object")
      }
      skipSpace()
      guard current == UInt8(ascii: ":") else { throw error("':' must follow a member's name") }
      position += 1
      skipSpace()
      members.append(JSONMember(name: name, value: try value(depth: depth + 1)))
      skipSpace()
      if current == UInt8(ascii: ",") {
        position += 1
      } else if current == UInt8(ascii: "}") {
        position += 1
        return .object(members)
      } else {
        throw error("',' or '}' must follow a member")
      }
    }
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
    position += 1
    var items: [JSONValue] = []
    skipSpace()
    if current == UInt8(ascii: "]") {
      position += 1
      return .array([])
    }
    while true {
      skipSpace()
      items.append(try value(depth: depth + 1))
      skipSpace()
      if current == UInt8(ascii: ",") {
        position += 1
      } else if current == UInt8(ascii: "]") {
        position += 1
        return .array(items)
      } else {
        throw error("',' or ']' must follow an item")
      }
    }
  }

  private mutating func string() throws(JSONError) -> String {
    position += 1
    var text: [UInt8] = []
    let start = position
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        guard let result = String(validating: text, as: UTF8.self) else {
          throw JSONError(position: start, rule: "a string is not valid UTF-8")
        }
        return result
      case UInt8(ascii: "\\"): try escape(into: &text)
      case 0..<0x20: throw error("a control character in a string must be escaped")
      default:
        text.append(byte)
        position += 1
      }
    }
    throw error("ends inside a string")
  }

  private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
    position += 1
    guard let byte = current else { throw error("ends inside a string") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"): try unicodeEscape(into: &text)
    default: throw error("'\\' is followed by no known escape")
    }
  }

  private mutating func unicodeEscape(into text: inout [UInt8]) throws(JSONError) {
    let high = try hexQuad()
    var scalarValue = high
    if (0xD800..<0xDC00).contains(high) {
      guard current == UInt8(ascii: "\\"), position + 1 < bytes.count,
        bytes[position + 1] == UInt8(ascii: "u")
      else { throw error("a high surrogate stands alone") }
      position += 2
      let low = try hexQuad()
      guard (0xDC00..<0xE000).contains(low) else { throw error("a high surrogate stands alone") }
      scalarValue = 0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(scalarValue) else { throw error("a low surrogate stands alone") }
    text.append(contentsOf: String(Character(scalar)).utf8)
  }

  private mutating func hexQuad() throws(JSONError) -> UInt32 {
    guard bytes.count - position >= 4 else { throw error("'\\u' needs four hexadecimal digits") }
    var value: UInt32 = 0
    for byte in bytes[position..<position + 4] {
      guard let digit = Self.hexValue(byte) else { throw error("'\\u' needs four hexadecimal digits") }
      value = value << 4 | digit
    }
    position += 4
    return value
  }

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    if current == UInt8(ascii: "-") { position += 1 }
    if current == UInt8(ascii: "0") {
      position += 1
    } else {
      try digits()
    }
    if current == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    guard let number = Double(text), number.isFinite else {
      throw JSONError(position: start, rule: "a number is beyond the range of a double")
    }
    return .number(text, number)
  }

  private mutating func digits() throws(JSONError) {
    guard let first = current, Self.isDigit(first) else { throw error("a digit must follow") }
    while let byte = current, Self.isDigit(byte) { position += 1 }
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  private static func hexValue(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A")) + 10
    default: nil
    }
  }
}
