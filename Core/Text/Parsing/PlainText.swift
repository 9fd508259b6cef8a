import Foundation

/// Plain text, without structure beyond its paragraphs.
package enum PlainText {
  /// Blank lines separate the blocks. The text equals the source byte for byte.
  package static func parse(_ source: String) -> ParsedDocument {
    let text = Array(source.utf8)
    var blocks: [ParsedDocument.Block] = []
    var start: Int?
    var lineStart = 0
    var lastEnd = 0
    func close() {
      if let from = start, from < lastEnd {
        let block = text[from..<lastEnd]
        let kind: ParsedDocument.Block.Kind = isLog(block) || isFields(block) ? .code : .prose
        blocks.append(.init(kind: kind, range: from..<lastEnd, headingPath: []))
      }
      start = nil
    }
    while lineStart < text.count {
      // A line ends with LF, CR LF, or CR alone (old Macs).
      let lineEnd = text[lineStart...].firstIndex { $0 == 0x0A || $0 == 0x0D } ?? text.count
      if text[lineStart..<lineEnd].allSatisfy({ $0 == 0x20 || $0 == 0x09 }) {
        close()
      } else {
        if start == nil { start = lineStart }
        lastEnd = lineEnd
      }
      let isPair = lineEnd + 1 < text.count && text[lineEnd] == 0x0D && text[lineEnd + 1] == 0x0A
      lineStart = lineEnd + (isPair ? 2 : 1)
    }
    close()
    return ParsedDocument(text: text, blocks: blocks, title: "")
  }

  /// True if most lines begin with a time, or with a tag and a time in it ("<34>Oct 11 22:14:15", "[2026-05-01 …"). The
  /// lines of a stack trace belong to the entry above them, and count neither way.
  private static func isLog(_ text: ArraySlice<UInt8>) -> Bool {
    var (timed, others) = (0, 0)
    for line in text.split(separator: 0x0A, maxSplits: 2000).prefix(2000) {
      if isTimed(line) { timed += 1 } else if timed == 0 || !isContinuation(line) { others += 1 }
    }
    return timed > 1 && timed * 10 >= (timed + others) * 6
  }

  /// True for at least two lines that are each `name: value`, `name = value`, a section or a comment: a mail's header,
  /// a configuration.
  private static func isFields(_ text: ArraySlice<UInt8>) -> Bool {
    var fields = 0
    for line in text.split(separator: 0x0A, maxSplits: 2000).prefix(2000) {
      let line = String(decoding: line.prefix(200), as: UTF8.self)
      if line.prefixMatch(of: /\s*(?:[#;]|\[[^\]]+\]\s*$)/) != nil { continue }
      guard line.prefixMatch(of: /\s*[A-Za-z][A-Za-z0-9_.\-]*(?: [A-Za-z0-9_.\-]+)?(?:: | ?= ?)\S/) != nil
      else { return false }
      fields += 1
    }
    return fields > 1
  }

  /// Indented, or as the traces of Java, Python, Go and .NET begin their lines.
  private static func isContinuation(_ line: ArraySlice<UInt8>) -> Bool {
    guard let first = line.first else { return true }
    if first == 0x20 || first == 0x09 || first == 0x0D { return true }
    let text = String(decoding: line.prefix(200), as: UTF8.self)
    return ["at ", "Caused by", "Traceback", "goroutine ", "---> ", "... "].contains(where: text.hasPrefix)
      || text.prefixMatch(of: /[A-Za-z_][A-Za-z0-9_.$]*(?:Exception|Error)\b/) != nil
  }

  private static func isTimed(_ line: ArraySlice<UInt8>) -> Bool {
    // The colon of a clock, or the dashes of a date, among the digits of the first twenty characters.
    let head = line.prefix(24)
    let digits = head.count { (0x30...0x39).contains($0) }
    guard digits >= 6 || (digits >= 4 && head.contains(UInt8(ascii: ":"))) else { return false }
    return head.count { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "/") } >= 2
  }
}
