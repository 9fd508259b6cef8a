import Foundation
import Parsing

/// Reads the output of `pdftotext -bbox-layout`: pages, blocks, lines and words with their places.
///
/// A page of text in columns is read block by block. On other pages, what stands side by side is a row of a table.
enum PDFText {
  struct Line {
    var text: String
    var box: (left: Double, top: Double, right: Double, bottom: Double)
    /// Lines of one block are a paragraph.
    var block: Int
    var wordCount: Int

    var height: Double { max(1, box.bottom - box.top) }
  }

  struct Page {
    var lines: [Line] = []
    var width = 1.0
  }

  /// - Throws: `ParsingError`: `no_text` for pages without any.
  static func parse(_ source: [UInt8]) throws(ParsingError) -> ParsedDocument {
    guard let tree = XMLTree(withoutControls(source)) else {
      throw ParsingError(.badPDF, rule: "must be readable: pdftotext wrote no XML")
    }
    var pages: [Page] = []
    var blocks = 0
    withExtendedLifetime(tree) {
      tree.root.walk { node in
        switch node.name {
        case "page":
          pages.append(Page(width: number(node, "width")))
          return true
        case "block":
          blocks += 1
          return true
        case "line":
          if pages.isEmpty { return false }
          let words = node.children.filter { $0.name == "word" }
          let text = words.map { $0.text.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
          guard !text.isEmpty else { return false }
          pages[pages.count - 1].lines.append(
            Line(
              text: text.joined(separator: " "),
              box: (number(node, "xMin"), number(node, "yMin"), number(node, "xMax"), number(node, "yMax")),
              block: blocks, wordCount: text.count))
          return false
        default: return true
        }
      }
    }
    guard pages.contains(where: { !$0.lines.isEmpty }) else {
      throw ParsingError(
        .noText,
        rule: "must hold text: its pages hold none, perhaps pictures of it, which are not read (no OCR)")
    }
    var assembler = PDFAssembler(words: words(pages))
    for page in withoutMargins(pages) { assembler.add(page) }
    return assembler.document
  }

  private static func number(_ node: XMLNode, _ name: String) -> Double {
    node.attribute(name).flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil } ?? 0
  }

  /// Control characters that pdftotext copies into its XML, where none are allowed.
  private static func withoutControls(_ source: [UInt8]) -> [UInt8] {
    source.map { $0 < 0x20 && $0 != 0x0A && $0 != 0x09 && $0 != 0x0D ? 0x20 : $0 }
  }

  /// All words of the document in small letters, but for those that a line's end may have cut.
  private static func words(_ pages: [Page]) -> Set<String> {
    var words: Set<String> = []
    for page in pages {
      for line in page.lines {
        for word in line.text.split(separator: " ") where !word.hasSuffix("-") {
          words.insert(String(word.trimmingCharacters(in: .punctuationCharacters)).lowercased())
        }
      }
    }
    return words
  }

  /// Leaves out what stands at the top or the foot of most pages, whatever its numbers.
  private static func withoutMargins(_ pages: [Page]) -> [Page] {
    guard pages.count > 1 else { return pages }
    func key(_ text: String) -> String {
      String(text.map { $0.isNumber ? "#" : $0 }).replacing(/#+/, with: "#").lowercased()
    }
    /// Indices of the lines in the outermost two rows at each end.
    func outer(_ page: Page) -> [Int] {
      let order = page.lines.indices.sorted { page.lines[$0].box.top < page.lines[$1].box.top }
      return Array(Set(order.prefix(2) + order.suffix(2)))
    }
    var counts: [String: Int] = [:]
    for page in pages {
      for text in Set(outer(page).map { key(page.lines[$0].text) }) { counts[text, default: 0] += 1 }
    }
    let least = max(2, (pages.count * 3 + 4) / 5)
    return pages.map { page in
      let left = Set(outer(page).filter { counts[key(page.lines[$0].text), default: 0] >= least })
      var page = page
      page.lines = page.lines.indices.filter { !left.contains($0) }.map { page.lines[$0] }
      return page
    }
  }
}
