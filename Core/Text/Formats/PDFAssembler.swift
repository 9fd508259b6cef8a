import Parsing

/// Joins the lines of pages: into paragraphs, across line and page ends, and into rows of tables.
struct PDFAssembler {
  /// All words of the document, in lower case.
  let words: Set<String>
  private var output = BlockBuilder()
  private var paragraph = ""
  /// Rows of a table that is not finished.
  private var rows: [[PDFText.Line]] = []

  init(words: Set<String>) { self.words = words }

  var document: ParsedDocument {
    var whole = self
    whole.closeRows()
    whole.closeParagraph()
    return ParsedDocument(text: whole.output.text, blocks: whole.output.blocks, title: "")
  }

  mutating func add(_ page: PDFText.Page) {
    if Self.isInColumns(page) {
      var block: Int?
      for line in page.lines {
        if let block, block != line.block { end(before: line.text) }
        if block == nil, !paragraph.isEmpty { end(before: line.text) }
        block = line.block
        append(line.text)
      }
      return
    }
    var block: Int?
    let groups = PDFCells.groups(page.lines)
    for (number, group) in groups.enumerated() {
      if group.count == 1, !rows.isEmpty, groups.indices.contains(number + 1), groups[number + 1].count > 1,
        isGroupName(group[0], above: groups[number + 1])
      {
        rows.append([
          PDFText.Line(text: joined(group[0].lines.map(\.text)), box: group[0].box, block: 0, wordCount: 0)
        ])
        continue
      }
      if group.count == 1 || isText(group) {
        closeRows()
        for cell in group {
          for line in cell.lines {
            if Self.startsItem(line.text) {
              closeParagraph()
            } else if block != line.block {
              end(before: line.text)
            }
            block = line.block
            append(line.text)
          }
          if group.count > 1 { closeParagraph() }
        }
        continue
      }
      closeParagraph()
      if isApart(group) { closeRows() }
      for row in PDFCells.rows(group) {
        // Pairs of a name and its value above a wider table are not rows of that table.
        if row.count > 2, !rows.isEmpty, rows.allSatisfy({ $0.count == 2 }) { closeRows() }
        rows.append(
          row.map { cell in
            PDFText.Line(
              text: joined(cell.lines.map(\.text)), box: cell.box, block: 0, wordCount: 0)
          })
      }
      block = nil
    }
    // A table ends with its page: a header repeated on the next page would become one of its rows.
    closeRows()
  }

  /// Whether the gap above a row is larger than the gaps between rows of one table.
  private func isApart(_ group: [PDFCells.Cell]) -> Bool {
    guard let last = rows.last, let height = group.first?.lines.first?.height else { return false }
    func gap(_ above: [PDFText.Line], _ top: Double) -> Double {
      top - (above.map(\.box.bottom).max() ?? top)
    }
    let own = gap(last, group.map(\.box.top).min() ?? 0)
    let widest = zip(rows, rows.dropFirst()).map { gap($0, $1.map(\.box.top).min() ?? 0) }.max()
    return own > 2.2 * height && own > 1.8 * (widest ?? 0)
  }

  /// Whether a cell is the name of the rows that follow: a few words alone in their row, close to the rows above and
  /// below.
  private func isGroupName(_ cell: PDFCells.Cell, above next: [PDFCells.Cell]) -> Bool {
    guard cell.lines.count == 1, cell.lines[0].wordCount <= 5, let last = rows.last?.first,
      let below = next.first
    else {
      return false
    }
    let height = cell.lines[0].height
    return cell.box.top - last.box.bottom < 2 * height && below.box.top - cell.box.bottom < 2 * height
      && !".!?:".contains(cell.lines[0].text.last ?? " ")
  }

  /// Whether a group is columns of text rather than a row: each cell has at least three lines, and no table is open.
  private func isText(_ group: [PDFCells.Cell]) -> Bool {
    rows.isEmpty && group.allSatisfy { $0.lines.count >= 3 }
  }

  /// Whether the page has two blocks of at least three long lines side by side. A table's cells are short.
  private static func isInColumns(_ page: PDFText.Page) -> Bool {
    let blocks = Dictionary(grouping: page.lines, by: \.block).values.filter { lines in
      lines.count >= 3 && lines.reduce(0) { $0 + $1.wordCount } >= 4 * lines.count
    }
    let boxes = blocks.map { lines in
      (
        left: lines.map(\.box.left).min() ?? 0, right: lines.map(\.box.right).max() ?? 0,
        top: lines.map(\.box.top).min() ?? 0, bottom: lines.map(\.box.bottom).max() ?? 0
      )
    }
    guard boxes.count < 500 else { return true }
    for (index, a) in boxes.enumerated() {
      for b in boxes[(index + 1)...] {
        let isBeside = a.right <= b.left || b.right <= a.left
        let shared = min(a.bottom, b.bottom) - max(a.top, b.top)
        if isBeside, shared > 0.3 * min(a.bottom - a.top, b.bottom - b.top) { return true }
      }
    }
    return false
  }

  private mutating func append(_ line: String) { join(line, to: &paragraph) }

  /// Whether a line starts a list item: "• ", "– ", "3. ", "b) ".
  private static func startsItem(_ line: String) -> Bool {
    line.prefixMatch(of: /(?:[•▪◦‣·]|[–—*\-]|\(?[0-9]{1,2}[.)]|\(?[a-z]\))\s+\S/) != nil
  }

  /// First parts of compounds that keep their hyphen: long-term, well-known.
  private static let compounding: Set<String> = [
    "long", "short", "high", "low", "well", "self", "non", "half", "cross", "full", "part", "mid", "real",
    "one", "two",
    "three", "four", "first", "second", "third", "year", "user", "open", "end", "left", "right", "top",
    "hand", "ex",
  ]

  private func joined(_ lines: [String]) -> String {
    var text = ""
    for line in lines { join(line, to: &text) }
    return text
  }

  private func join(_ line: String, to paragraph: inout String) {
    guard var last = paragraph.last else {
      paragraph = line
      return
    }
    // A soft hyphen only marks where a word is cut. U+2010 is a hyphen like "-".
    if last == "\u{AD}" {
      paragraph.removeLast()
      paragraph += line
      return
    }
    if last == "\u{2010}" {
      paragraph.removeLast()
      paragraph += "-"
      last = "-"
    }
    guard last == "-", let next = line.first,
      let before = paragraph.dropLast().last, before.isLetter || before.isNumber
    else {
      paragraph += " " + line
      return
    }
    let head = String(String(paragraph.dropLast().suffix(100)).split(separator: " ").last ?? "")
    let tail = String(line.prefix { $0.isLetter || $0 == "-" })
    let joined = (head + tail).lowercased()
    let isCompound = Self.compounding.contains(head.lowercased()) && tail.count > 3
    let isCut =
      before.isLowercase && next.isLowercase
      && (words.contains(joined) || !isCompound && !words.contains("\(head)-\(tail)".lowercased()))
    if isCut { paragraph.removeLast() }
    paragraph += line
  }

  /// Ends the paragraph, unless its sentence continues in the text that follows: on the next page, or after a picture.
  private mutating func end(before text: String) {
    guard let last = paragraph.last else { return }
    let isOpen = last.isLetter || last.isNumber || last == "," || last == "-"
    if isOpen, text.first?.isLowercase == true { return }
    closeParagraph()
  }

  private mutating func closeParagraph() {
    if !paragraph.isEmpty { output.add(paragraph, .prose) }
    paragraph = ""
  }

  private mutating func closeRows() {
    guard let widest = rows.max(by: { $0.count < $1.count }) else { return }
    var grid = TableGrid()
    for row in rows {
      var cells = [String](repeating: "", count: widest.count)
      var next = 0
      for (index, line) in row.enumerated() {
        // A cell belongs to the column that it overlaps most, to the right of the cells before it, with room for the
        // cells after it.
        let last = widest.count - (row.count - index)
        let column =
          (next...max(next, last)).max { Self.shared(line, widest[$0]) < Self.shared(line, widest[$1]) }
          ?? next
        cells[column] = line.text
        next = column + 1
      }
      grid.append(cells.map { TableGrid.Cell(text: $0) }, isHeader: false)
    }
    rows = []
    grid.inferHeader()
    output.add(grid)
  }

  /// The width in which two lines overlap; negative for the distance between them.
  private static func shared(_ a: PDFText.Line, _ b: PDFText.Line) -> Double {
    min(a.box.right, b.box.right) - max(a.box.left, b.box.left)
  }
}
