import Foundation
import Parsing
import Records

/// The fields at the start of a Markdown page: YAML between `---`, TOML between `+++`, or a JSON object. Scalars and
/// lists of scalars at the top level are read; what is nested is left out.
struct FrontMatter {
  private static let linesMax = 500
  private static let fieldsMax = 100

  var title: String?
  var metadata: [String: MetadataValue] = [:]

  /// - Returns: the fields, and the text without them: all of it where there are none.
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
          // A page may begin with a line across it.
          let first = lines.first { !$0.trimmed.isEmpty && !$0.trimmed.hasPrefix("#") }
          guard let first, first.contains(separator) || (mark == "+++" && first.hasPrefix("[")) else { break }
          return (FrontMatter(lines, separator), rest)
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

  private init(_ lines: [Substring], _ separator: Character) {
    var open: (name: String, values: [MetadataValue])?
    func close(_ front: inout FrontMatter) {
      if let list = open, !list.values.isEmpty { front.set(list.name, .list(list.values)) }
      open = nil
    }
    for line in lines {
      let text = line.trimmed
      if text.isEmpty || text.hasPrefix("#") { continue }
      if text.hasPrefix("- "), let list = open {
        if let value = Self.scalar(text.dropFirst(2).trimmed) { open = (list.name, list.values + [value]) }
        continue
      }
      // A deeper line belongs to something nested; a table's name in TOML begins such lines.
      if line.first?.isWhitespace == true { continue }
      close(&self)
      if text.hasPrefix("[") { break }
      guard let middle = text.firstIndex(of: separator) else { continue }
      let name = String(text[..<middle].trimmed.filter { $0 != "\"" && $0 != "'" })
      let rest = text[text.index(after: middle)...].trimmed
      if rest.isEmpty {
        open = (name, [])
      } else if rest.hasPrefix("["), rest.hasSuffix("]") {
        let items = rest.dropFirst().dropLast().split(separator: ",").compactMap { Self.scalar($0.trimmed) }
        set(name, .list(items))
      } else if let value = Self.scalar(rest) {
        set(name, value)
      }
    }
    close(&self)
  }

  private mutating func set(_ name: String, _ value: MetadataValue) {
    guard !name.isEmpty, metadata.count < Self.fieldsMax else { return }
    if name == "title", case .string(let text) = value {
      title = BlockBuilder.cut(text, bytesMax: 1200)
    } else {
      metadata[name] = value
    }
  }

  /// - Returns: nil for a value that has no place in metadata: a nested one, or a block of text.
  private static func scalar(_ text: Substring) -> MetadataValue? {
    guard let first = text.first else { return nil }
    if first == "\"" || first == "'" {
      guard text.count > 1, text.last == first else { return nil }
      return .string(String(text.dropFirst().dropLast()))
    }
    if "|>{&*!".contains(first) { return nil }
    // A comment needs a space before it.
    let value = (text.firstRange(of: " #").map { text[..<$0.lowerBound] } ?? text).trimmed
    switch value {
    case "true", "True": return .bool(true)
    case "false", "False": return .bool(false)
    case "null", "~", "Null": return nil
    default: return ExactNumber(value).map(MetadataValue.number) ?? .string(String(value))
    }
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
