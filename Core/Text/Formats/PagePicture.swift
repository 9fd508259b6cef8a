import Foundation
import Parsing

/// A page of a PDF as a gray picture, and the lines that are recognised on it.
enum PagePicture {
  /// Pages are drawn so that their longer side has 3508 pixels: A4 at 300 dots per inch.
  private static let dotsPerInch = 300
  private static let pointsPerDot = 72.0 / 300

  /// The least confidence, in percent, of words that are kept. Below it, tesseract finds letters in stains and lines.
  private static let confidenceMin = 30.0

  /// - Parameter picture: a PGM file: "P5", width, height, 255, then a byte for each pixel.
  /// - Throws: `ParsingError` for other bytes, and when tesseract fails.
  static func page(_ picture: [UInt8]) throws(ParsingError) -> PDFText.Page {
    guard let head = PortableGraymap(picture[...]), head.range.upperBound == picture.count,
      let table = Recognition.table(
        gray: picture[head.range], width: head.width, height: head.height, dotsPerInch: dotsPerInch)
    else {
      throw ParsingError(.unreadable, rule: "must be readable: a picture of a page is damaged")
    }
    return page(table: table, height: Double(head.height) * pointsPerDot)
  }

  /// - Parameter table: tab-separated: level, page, block, paragraph, line, word, left, top, width, height, confidence,
  ///   text. Words have level 5.
  static func page(table: String, height: Double) -> PDFText.Page {
    var page = PDFText.Page(height: height)
    var former = ""
    for row in table.split(separator: "\n") {
      let cells = row.split(separator: "\t", maxSplits: 11, omittingEmptySubsequences: false)
      guard cells.count == 12, cells[0] == "5", let confidence = Double(cells[10]),
        confidence >= confidenceMin
      else { continue }
      let text = cells[11].trimmingCharacters(in: .whitespaces)
      let place = cells[6..<10].compactMap { Int($0).map { Double($0) * pointsPerDot } }
      guard !text.isEmpty, place.count == 4, let block = Int(cells[2]), let paragraph = Int(cells[3]),
        (0..<1_000_000).contains(block), (0..<1000).contains(paragraph)
      else { continue }
      let (left, top, right, bottom) = (place[0], place[1], place[0] + place[2], place[1] + place[3])
      let line = cells[2..<5].joined(separator: ".")
      if line == former, var last = page.lines.popLast() {
        // A gap as wide as three letters separates the cells of a table.
        let letter = (last.box.right - last.box.left) / Double(max(1, last.text.count))
        if left - last.box.right < 3 * max(letter, 0.3 * last.height) {
          last.text += " " + text
          last.wordCount += 1
          last.box = (
            min(last.box.left, left), min(last.box.top, top), max(last.box.right, right),
            max(last.box.bottom, bottom)
          )
          page.lines.append(last)
          continue
        }
        page.lines.append(last)
      }
      former = line
      page.lines.append(
        PDFText.Line(
          text: text, box: (left, top, right, bottom), block: block * 1000 + paragraph, wordCount: 1))
    }
    return page
  }
}
