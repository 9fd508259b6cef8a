import Foundation
import Parsing

/// Reads the output of `pdftotext -bbox-layout`: pages, blocks, lines and words with their positions.
///
/// A page of text in columns is read block by block. On other pages, short texts side by side are a row of a table.
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
    var height = 1.0
  }

  /// - Parameter recognised: pages that were read by OCR, by page number from 0.
  /// - Returns: the document; its text is empty if no page holds any.
  /// - Throws: `ParsingError` for bytes that are not pdftotext's XML.
  static func parse(_ source: [UInt8], recognised: [Int: Page] = [:]) throws(ParsingError) -> ParsedDocument {
    guard let tree = XMLTree(withoutControls(source)) else {
      throw ParsingError(.badPDF, rule: "must be readable: pdftotext wrote no XML")
    }
    var pages: [Page] = []
    var blocks = 0
    withExtendedLifetime(tree) {
      tree.root.walk { node in
        switch node.name {
        case "page":
          pages.append(Page(height: number(node, "height")))
          return true
        case "block":
          blocks += 1
          return true
        case "line":
          if pages.isEmpty { return false }
          let words = node.children.filter { $0.name == "word" }
          let text = Self.texts(of: words)
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
    for (number, page) in recognised where pages.indices.contains(number) && pages[number].lines.isEmpty {
      pages[number] = page
    }
    var assembler = PDFAssembler(words: words(pages))
    for page in withoutMargins(pages) { assembler.add(page) }
    var document = assembler.document
    document.pageCount = pages.count
    document.pagesWithoutText = pages.indices.filter { pages[$0].lines.isEmpty }
    return document
  }

  /// The words of a line. Small digits directly after a word become its superscript or subscript.
  private static func texts(of words: [XMLNode]) -> [String] {
    var texts: [String] = []
    var height = 0.0
    for word in words { height = max(height, number(word, "yMax") - number(word, "yMin")) }
    let top = words.map { number($0, "yMin") }.min() ?? 0
    var end = -Double.infinity
    for word in words {
      let text = word.text.trimmingCharacters(in: .whitespaces)
      guard !text.isEmpty else { continue }
      let own = number(word, "yMax") - number(word, "yMin")
      let gap = number(word, "xMin") - end
      end = number(word, "xMax")
      let isClose = gap < 0.12 * height && !texts.isEmpty
      if isClose, own < 0.85 * height, text.utf8.count <= 4,
        text.allSatisfy({ $0.isNumber || $0 == "+" || $0 == "-" })
      {
        texts[texts.count - 1] += HTMLReader.raised(text, number(word, "yMin") - top < 0.25 * height)
      } else if isClose, own > 0.85 * height,
        texts[texts.count - 1].last.map({ "⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉".contains($0) }) == true
      {
        texts[texts.count - 1] += text
      } else {
        texts.append(text)
      }
    }
    return texts
  }

  private static func number(_ node: XMLNode, _ name: String) -> Double {
    node.attribute(name).flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil } ?? 0
  }

  /// Replaces control characters with spaces: pdftotext copies them into its XML, where they are not allowed.
  private static func withoutControls(_ source: [UInt8]) -> [UInt8] {
    source.map { $0 < 0x20 && $0 != 0x0A && $0 != 0x09 && $0 != 0x0D ? 0x20 : $0 }
  }

  /// All words of the document in lower case, except those that a line break may have cut.
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

  /// Removes page headers and footers: rows in the margins that are the same on at least two fifths of the pages, apart
  /// from numbers that count the pages.
  private static func withoutMargins(_ pages: [Page]) -> [Page] {
    guard pages.count > 1 else { return pages }
    struct Found {
      var page: Int
      var lines: [Int]
      var numbers: [Int]
    }
    var found: [String: [Found]] = [:]
    for (number, page) in pages.enumerated() {
      for lines in outerRows(page) {
        let text = lines.map { page.lines[$0].text }.joined(separator: " ")
        let numbers = text.split { !$0.isNumber }.map { Int($0.prefix(9)) ?? 0 }
        let key = String(text.map { $0.isNumber ? "#" : $0 }).replacing(/#+/, with: "#").lowercased()
        found[key, default: []].append(Found(page: number, lines: lines, numbers: numbers))
      }
    }
    var left = pages.map { _ in Set<Int>() }
    // Two fifths, because left and right pages may have different headers.
    let least = max(2, (pages.count * 2 + 4) / 5)
    for rows in found.values where Set(rows.map(\.page)).count >= least {
      let first = rows[0]
      let isCounting = rows.allSatisfy { row in
        row.numbers.count == first.numbers.count
          && zip(row.numbers, first.numbers).allSatisfy { $0 == $1 || $0 - $1 == row.page - first.page }
      }
      guard isCounting else { continue }
      for row in rows { left[row.page].formUnion(row.lines) }
    }
    return pages.enumerated().map { number, page in
      var page = page
      page.lines = page.lines.indices.filter { !left[number].contains($0) }.map { page.lines[$0] }
      return page
    }
  }

  /// The line indices of the two outermost rows at the top and at the foot of a page, if they lie in its margin.
  private static func outerRows(_ page: Page) -> [[Int]] {
    var rows: [[Int]] = []
    for index in page.lines.indices.sorted(by: { page.lines[$0].box.top < page.lines[$1].box.top }) {
      let line = page.lines[index]
      if let last = rows.last?.last.map({ page.lines[$0] }),
        min(last.box.bottom, line.box.bottom) - max(last.box.top, line.box.top) > 0.5
          * min(last.height, line.height)
      {
        rows[rows.count - 1].append(index)
      } else {
        rows.append([index])
      }
    }
    let margin = 0.16 * page.height
    let top = rows.prefix(2).filter { page.lines[$0[0]].box.bottom < margin }
    let foot = rows.dropFirst(2).suffix(2).filter { page.lines[$0[0]].box.top > page.height - margin }
    return (top + foot).map { row in row.sorted { page.lines[$0].box.left < page.lines[$1].box.left } }
  }
}
