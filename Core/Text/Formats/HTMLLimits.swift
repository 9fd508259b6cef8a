import Parsing

/// Refuses markup on which gumbo would need quadratic time: 8.6 s for 100 kB of nested `div`.
///
/// One pass over the source keeps a stack of open elements. It is never shorter than gumbo's own stack, apart from
/// elements with optional end tags, which can't nest without other elements between them.
struct HTMLLimits {
  private static let depthMax = 400
  private static let attributesMax = 1000

  private static let void: Set<String> = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
  ]
  private static let optionalEnd: Set<String> = [
    "html", "head", "body", "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option",
    "colgroup",
  ]
  /// Elements whose end tag removes only themselves from the stack.
  private static let formatting: Set<String> = [
    "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
  ]
  /// An end tag inside one of these does not close elements outside of it.
  private static let barriers: Set<String> = [
    "table", "template", "object", "applet", "marquee", "caption", "svg", "math",
  ]
  /// Whether a tag stays within an `svg` or `math` element. The HTML tags listed here end that element.
  private static func isForeign(_ name: String) -> Bool {
    let ending: Set<String> = [
      "div", "span", "p", "b", "i", "em", "strong", "ul", "ol", "li", "dl", "table", "h1", "h2", "h3", "h4",
      "h5", "h6",
      "pre", "code", "font", "center", "blockquote", "body", "big", "small", "s", "u", "tt", "var", "sub",
      "sup",
    ]
    return !ending.contains(name)
  }

  private static let raw: Set<String> = [
    "script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes",
  ]

  private var stack: [String] = []
  /// The number of open formatting elements: gumbo opens all of them again in each block.
  private var formattingCount = 0
  private static let formattingMax = 300

  /// - Throws: `ParsingError` for elements nested too deeply, and for a tag with too many attributes.
  static func check(_ source: String) throws(ParsingError) {
    var limits = HTMLLimits()
    try limits.check(Array(source.utf8))
  }

  private mutating func check(_ bytes: [UInt8]) throws(ParsingError) {
    var index = 0
    while let open = bytes[index...].firstIndex(of: UInt8(ascii: "<")) {
      index = open + 1
      guard index < bytes.count else { return }
      if bytes[index...].starts(with: Array("!--".utf8)) {
        index = Self.endOfComment(bytes, from: index + 3)
        continue
      }
      let isEnd = bytes[index] == UInt8(ascii: "/")
      if isEnd { index += 1 }
      guard index < bytes.count, Self.isLetter(bytes[index]) else { continue }
      let nameEnd = bytes[index...].firstIndex { !Self.isNameByte($0) } ?? bytes.count
      let name = String(decoding: bytes[index..<min(nameEnd, index + 64)], as: UTF8.self).lowercased()
      index = nameEnd
      let isSelfClosing = try skipAttributes(bytes, &index, name)
      if isEnd {
        close(name)
      } else if !Self.void.contains(name), !Self.optionalEnd.contains(name),
        !(isSelfClosing && Self.isForeign(name) && (stack.contains("svg") || stack.contains("math")))
      {
        if Self.raw.contains(name), name != "title" || !stack.contains("svg") {
          index = Self.end(of: Array("</\(name)".utf8), in: bytes, from: index)
          continue
        }
        stack.append(name)
        if Self.formatting.contains(name) {
          formattingCount += 1
          guard formattingCount <= Self.formattingMax else {
            throw ParsingError(
              .tooComplex, rule: "must close formatting elements: more than \(Self.formattingMax) are open")
          }
        }
        guard stack.count <= Self.depthMax else {
          throw ParsingError(.tooComplex, rule: "must not nest elements more than \(Self.depthMax) deep")
        }
      }
    }
  }

  /// The end of a comment. `-->` and `--!>` end it, and so do `>` and `->` directly after its start.
  private static func endOfComment(_ bytes: [UInt8], from start: Int) -> Int {
    if bytes[start...].starts(with: Array(">".utf8)) { return start + 1 }
    if bytes[start...].starts(with: Array("->".utf8)) { return start + 2 }
    var index = start
    while index + 2 < bytes.count {
      if bytes[index] == UInt8(ascii: "-"), bytes[index + 1] == UInt8(ascii: "-") {
        if bytes[index + 2] == UInt8(ascii: ">") { return index + 3 }
        if bytes[index + 2] == UInt8(ascii: "!"), index + 3 < bytes.count,
          bytes[index + 3] == UInt8(ascii: ">")
        {
          return index + 4
        }
      }
      index += 1
    }
    return bytes.count
  }

  private mutating func close(_ name: String) {
    // The end tag of a form removes only the form.
    if name == "form", let position = stack.lastIndex(of: name) {
      stack.remove(at: position)
      return
    }
    if Self.formatting.contains(name) { formattingCount = max(0, formattingCount - 1) }
    for position in stack.indices.reversed() {
      if stack[position] == name {
        if Self.formatting.contains(name) {
          stack.remove(at: position)
        } else {
          stack.removeSubrange(position...)
        }
        return
      }
      if Self.barriers.contains(stack[position]), !Self.barriers.contains(name) { return }
    }
  }

  /// - Returns: true for a tag that ends with `/>`.
  private func skipAttributes(_ bytes: [UInt8], _ index: inout Int, _ name: String) throws(ParsingError)
    -> Bool
  {
    var words = 0
    var isInWord = false
    while index < bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: ">") {
        index += 1
        return index > 1 && bytes[index - 2] == UInt8(ascii: "/")
      }
      if byte == UInt8(ascii: "="), isInWord {
        index += 1
        while index < bytes.count, Self.isSpace(bytes[index]) { index += 1 }
        guard index < bytes.count else { return false }
        if bytes[index] == UInt8(ascii: "\"") || bytes[index] == UInt8(ascii: "'") {
          index = (bytes[(index + 1)...].firstIndex(of: bytes[index]) ?? bytes.count - 1) + 1
        } else {
          while index < bytes.count, !Self.isSpace(bytes[index]), bytes[index] != UInt8(ascii: ">") {
            index += 1
          }
        }
        isInWord = false
        continue
      }
      let isBetween = Self.isSpace(byte) || byte == UInt8(ascii: "/")
      if !isBetween, !isInWord {
        words += 1
        guard words <= Self.attributesMax else {
          throw ParsingError(
            .tooComplex, rule: "must hold no tag with more than \(Self.attributesMax) attributes")
        }
      }
      isInWord = !isBetween
      index += 1
    }
    return false
  }

  private static func end(of mark: [UInt8], in bytes: [UInt8], from start: Int) -> Int {
    var index = start
    while index + mark.count <= bytes.count {
      if zip(mark, bytes[index...]).allSatisfy({ $0 == ($1 | ($1 >= 0x41 && $1 <= 0x5A ? 0x20 : 0)) }) {
        return index + (mark.last == UInt8(ascii: ">") ? mark.count : 0)
      }
      index += 1
    }
    return bytes.count
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A }
  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
  private static func isNameByte(_ byte: UInt8) -> Bool {
    !isSpace(byte) && byte != UInt8(ascii: "/") && byte != UInt8(ascii: ">")
  }
}
