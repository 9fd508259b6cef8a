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
        blocks.append(.init(kind: .prose, range: from..<lastEnd, headingPath: []))
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
}
