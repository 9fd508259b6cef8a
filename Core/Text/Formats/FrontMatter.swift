import Foundation
import Parsing
import Records
import YAML

/// The fields at the start of a Markdown page: YAML between `---`, TOML between `+++`, or a JSON object. Scalars and
/// lists of scalars at the top level are read; nested values are left out.
struct FrontMatter {
  private static let linesMax = 500
  private static let fieldsMax = 100

  var title: String?
  var metadata: [String: MetadataValue] = [:]
  private var bytes = 0

  /// - Returns: the fields and the text after them; without fields, all of the text.
  static func split(_ source: String) -> (FrontMatter, Substring) {
    let text = source.hasPrefix("\u{FEFF}") ? source.dropFirst() : source[...]
    for (mark, separator) in [("---", Character(":")), ("+++", "=")] {
      guard let first = text.firstIndex(where: \.isNewline), text[..<first].trimmed == mark else { continue }
      var lines: [Substring] = []
      var rest = text[text.index(after: first)...]
      while !rest.isEmpty, lines.count < linesMax {
        let end = rest.firstIndex(where: \.isNewline) ?? rest.endIndex
        let line = rest[..<end]
        rest = end < rest.endIndex ? rest[rest.index(after: end)...] : rest[end...]
        if line.trimmed == mark {
          // The mark may also be a horizontal rule, so the first line after it must be a field.
          let first = lines.first { !$0.trimmed.isEmpty && !$0.trimmed.hasPrefix("#") }
          guard let first, first.contains(separator) || (mark == "+++" && first.hasPrefix("[")) else { break }
          return (mark == "---" ? FrontMatter(yaml: lines) : FrontMatter(toml: lines), rest)
        }
        lines.append(line)
      }
    }
    if text.hasPrefix("{"), let end = text.firstRange(of: "\n}\n") ?? text.firstRange(of: "\n}\r\n") {
      let object = Array(text[..<end.upperBound].utf8)
      if let value = try? JSONReader.read(object), let members = value.members {
        var front = FrontMatter()
        for member in members.prefix(fieldsMax) {
          if let value = try? MetadataValue(json: member.value, field: member.name) {
            front.set(member.name, value)
          }
        }
        return (front, text[end.upperBound...])
      }
    }
    return (FrontMatter(), text)
  }

  private init() {}

  private init(yaml lines: [Substring]) {
    self.init()
    guard case .map(let members)? = try? YAML.parse(lines.joined(separator: "\n")) else {
      read(loose: lines)
      return
    }
    for (name, value) in members {
      switch value {
      case .scalar(let text, let isPlain):
        if let value = Self.scalar(text, isPlain: isPlain) { set(name, value) }
      case .list(let items):
        let values = items.compactMap { item -> MetadataValue? in
          guard case .scalar(let text, let isPlain) = item else { return nil }
          return Self.scalar(text, isPlain: isPlain)
        }
        if !values.isEmpty { set(name, .list(values)) }
      case .map: continue
      }
    }
  }

  /// Reads one field a line, for text that people write and YAML refuses, for example `title: Gates: a guide`.
  private mutating func read(loose lines: [Substring]) {
    for line in lines {
      guard let first = line.first, !first.isWhitespace, first != "#", first != "-",
        let middle = line.firstRange(of: ": ")
      else { continue }
      let text = line[middle.upperBound...].trimmed
      let isQuoted = text.count > 1 && text.first == text.last && "\"'".contains(text.first ?? " ")
      let value = Self.scalar(String(isQuoted ? text.dropFirst().dropLast() : text), isPlain: !isQuoted)
      if let value { set(String(line[..<middle.lowerBound].trimmed), value) }
    }
  }

  private static func scalar(_ text: String, isPlain: Bool) -> MetadataValue? {
    guard isPlain else { return text.isEmpty ? nil : .string(text) }
    switch text {
    case "true", "True", "TRUE": return .bool(true)
    case "false", "False", "FALSE": return .bool(false)
    case "", "null", "~", "Null", "NULL": return nil
    default: return Self.number(text[...]) ?? .string(text)
    }
  }

  /// Reads the keys before the first table; arrays and quoted blocks may span several lines. This parser is our own
  /// because Debian has no C library for TOML.
  private init(toml lines: [Substring]) {
    self.init()
    var rest = lines[...]
    while let line = rest.popFirst() {
      let text = line.trimmed
      if text.isEmpty || text.hasPrefix("#") { continue }
      if text.hasPrefix("[") { return }
      guard let middle = text.firstIndex(of: "=") else { continue }
      let name = String(text[..<middle].trimmed.filter { $0 != "\"" && $0 != "'" })
      var value = String(text[text.index(after: middle)...].trimmed)
      if value.hasPrefix("[") {
        while Self.items(value) == nil, let more = rest.popFirst() { value += " " + more.trimmed }
        let items = (Self.items(value) ?? []).compactMap { Self.scalar($0) }
        if !items.isEmpty { set(name, .list(items)) }
      } else if let mark = ["\"\"\"", "'''"].first(where: value.hasPrefix) {
        var inside = String(value.dropFirst(3))
        while !inside.contains(mark), let more = rest.popFirst() {
          inside += (inside.isEmpty ? "" : "\n") + more
        }
        guard let end = inside.firstRange(of: mark) else { continue }
        set(name, .string(String(inside[..<end.lowerBound])))
      } else if let value = Self.scalar(value[...]) {
        set(name, value)
      }
    }
  }

  /// The elements of an array; nil while its closing bracket is missing.
  private static func items(_ text: String) -> [Substring]? {
    var items: [Substring] = []
    var quote: Character?
    var isEscaped = false
    var start = text.index(after: text.startIndex)
    for index in text.indices.dropFirst() {
      let character = text[index]
      if let open = quote {
        if isEscaped {
          isEscaped = false
        } else if character == "\\", open == "\"" {
          isEscaped = true
        } else if character
          == open
        {
          quote = nil
        }
        continue
      }
      switch character {
      case "\"", "'": quote = character
      case ",", "]":
        let item = text[start..<index].trimmed
        if !item.isEmpty { items.append(item) }
        if character == "]" { return items }
        start = text.index(after: index)
      default: break
      }
    }
    return nil
  }

  /// - Returns: nil for text that is not a number, and for a number beyond what JSON can carry, for example the hash
  ///   12e345.
  private static func number(_ text: some StringProtocol) -> MetadataValue? {
    guard let number = ExactNumber(text), Double(String(text))?.isFinite == true else { return nil }
    return .number(number)
  }

  private mutating func set(_ name: String, _ value: MetadataValue) {
    guard !name.isEmpty, metadata.count < Self.fieldsMax else { return }
    var value = value
    if case .list(let items) = value { value = .list(Array(items.prefix(MetadataValue.listMax))) }
    bytes += name.utf8.count + value.byteCount
    guard bytes <= DocumentRecord.metadataBytesMax else { return }
    if name == "title", case .string(let text) = value {
      title = BlockBuilder.cut(text, bytesMax: 1200)
    } else if name == "title", case .number(let number) = value {
      title = number.text
    } else {
      metadata[name] = value
    }
  }

  /// - Returns: nil for a TOML value that metadata can't hold, for example an inline table.
  private static func scalar(_ text: Substring) -> MetadataValue? {
    guard let first = text.first else { return nil }
    if first == "\"" { return quoted(text.dropFirst()).map(MetadataValue.string) }
    if first == "'" {
      return text.dropFirst().firstIndex(of: "'").map {
        .string(String(text[text.index(after: text.startIndex)..<$0]))
      }
    }
    if first == "{" { return nil }
    let value = (text.firstIndex(of: "#").map { text[..<$0] } ?? text).trimmed
    switch value {
    case "true": return .bool(true)
    case "false": return .bool(false)
    default:
      return Self.number(value.filter { $0 != "_" }[...]) ?? .string(String(value))
    }
  }

  /// Decodes a basic string of TOML, given without its opening quote; nil if the closing quote is missing.
  private static func quoted(_ text: Substring) -> String? {
    var result = ""
    var rest = text
    let escapes: [Character: Character] = ["n": "\n", "t": "\t", "r": "\r", "\"": "\"", "\\": "\\"]
    while let character = rest.popFirst() {
      if character == "\"" { return result }
      guard character == "\\", let code = rest.popFirst() else {
        result.append(character)
        continue
      }
      if let plain = escapes[code] {
        result.append(plain)
      } else if code == "u" || code == "U" {
        let digits = rest.prefix(code == "u" ? 4 : 8)
        rest = rest.dropFirst(digits.count)
        if let scalar = UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init) {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return nil
  }
}

extension StringProtocol {
  /// Without white space at its ends.
  fileprivate var trimmed: SubSequence {
    var text = self[...]
    while text.first?.isWhitespace == true { text = text.dropFirst() }
    while text.last?.isWhitespace == true { text = text.dropLast() }
    return text
  }
}
