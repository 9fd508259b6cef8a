import Foundation
import Parsing

/// Parses the output of `pdftotext -layout`: a form feed ends a page, an empty line ends a paragraph, and
/// spaces separate the columns of a table.
///
/// Without `-layout`, the cells of a row end up far from each other. With it, the columns of a page in two
/// columns are mixed line by line.
enum PDFText {
  private static let columnGap = "   "

  static func parse(_ source: String) -> ParsedDocument {
    var builder = BlockBuilder()
    for page in source.split(separator: "\u{0C}") {
      var paragraph: [Substring] = []
      func close() {
        let lines = paragraph.map { $0.trimmingCharacters(in: .whitespaces) }
        // Each row of a table keeps its own line, so that it is a unit. The lines of a paragraph are joined.
        let rows = lines.filter { $0.contains(columnGap) }.count
        if rows * 2 > lines.count {
          builder.add(lines.map(folded).joined(separator: "\n"), .code)
        } else {
          builder.add(lines.map(folded).joined(separator: " "), .prose)
        }
        paragraph = []
      }
      for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
        if line.allSatisfy(\.isWhitespace) { close() } else { paragraph.append(line) }
      }
      close()
    }
    return ParsedDocument(text: builder.text, blocks: builder.blocks, title: "")
  }

  private static func folded(_ line: String) -> String {
    line.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
