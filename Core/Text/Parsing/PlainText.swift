import Foundation

/// Plain text, without structure beyond its paragraphs.
package enum PlainText {
  /// Splits a text into blocks at blank lines. The extracted text equals the source byte for byte.
  ///
  /// - Parameter isLog: each line is a unit, whatever it looks like.
  package static func parse(_ source: String, isLog: Bool = false) -> ParsedDocument {
    let text = Array(source.utf8)
    var blocks: [ParsedDocument.Block] = []
    var start: Int?
    var lineStart = 0
    var lastEnd = 0
    func close() {
      if let from = start, from < lastEnd {
        let block = text[from..<lastEnd]
        let kind: ParsedDocument.Block.Kind =
          isLog || self.isLog(block) || isFields(block) ? .code : .prose
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

  /// True for at least two lines that are each `name: value`, `name = value`, a section or a comment: the header of a
  /// mail, a configuration.
  private static func isFields(_ text: ArraySlice<UInt8>) -> Bool {
    var fields = 0
    for line in text.split(separator: 0x0A, maxSplits: 2000).prefix(2000) {
      let line = line.prefix(200).drop { $0 == 0x20 || $0 == 0x09 }
      guard let first = line.first else { continue }
      if first == UInt8(ascii: "#") || first == UInt8(ascii: ";") || first == UInt8(ascii: "[") { continue }
      guard isField(line) else { return false }
      fields += 1
    }
    return fields > 1
  }

  /// A name of one or two words, then ": " or "=", then a value.
  private static func isField(_ line: ArraySlice<UInt8>) -> Bool {
    func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) }
    guard let first = line.first, isLetter(first) else { return false }
    var rest = line
    for _ in 0..<2 {
      rest = rest.drop {
        isLetter($0) || (0x30...0x39).contains($0)
          || [UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-")].contains($0)
      }
      let gap = rest.prefix { $0 == 0x20 }.count
      let mark = rest.dropFirst(gap)
      if mark.first == UInt8(ascii: "=") { return mark.dropFirst().contains { $0 != 0x20 } }
      if gap == 0, rest.first == UInt8(ascii: ":") {
        return rest.dropFirst().first == 0x20 && rest.dropFirst().contains { $0 != 0x20 && $0 != 0x0D }
      }
      guard gap == 1, let next = mark.first, isLetter(next) else { return false }
      rest = mark
    }
    return false
  }

  private static let traceStarts = ["at ", "Caused by", "Traceback", "goroutine ", "---> ", "... "].map {
    Array($0.utf8)
  }

  /// True for an indented line, and for one that begins like a line of a stack trace of Java, Python, Go or .NET.
  private static func isContinuation(_ line: ArraySlice<UInt8>) -> Bool {
    guard let first = line.first else { return true }
    if first == 0x20 || first == 0x09 || first == 0x0D { return true }
    if traceStarts.contains(where: { line.starts(with: $0) }) { return true }
    // "java.io.IOException: …"
    let name = line.prefix(200).prefix { $0 != 0x20 && $0 != UInt8(ascii: ":") }
    return name.suffix(9).elementsEqual("Exception".utf8) || name.suffix(5).elementsEqual("Error".utf8)
  }

  private static func isTimed(_ line: ArraySlice<UInt8>) -> Bool {
    // The colons of a time, or the separators of a date, among digits in the first 24 bytes.
    let head = line.prefix(24)
    let digits = head.count { (0x30...0x39).contains($0) }
    guard digits >= 6 || (digits >= 4 && head.contains(UInt8(ascii: ":"))) else { return false }
    return head.count { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "/") } >= 2
  }
}
