/// Finds the cells and rows of tables among the lines of a page. A cell may have several lines, and stand at the top,
/// in the middle or at the foot of its row, or beside several rows.
enum PDFCells {
  typealias Box = (left: Double, top: Double, right: Double, bottom: Double)

  /// Lines that belong together: those of a wrapped text, or a single one.
  struct Cell {
    var lines: [PDFText.Line]
    var box: Box

    init(_ lines: [PDFText.Line]) {
      self.lines = lines
      box = (
        lines.map(\.box.left).min() ?? 0, lines.map(\.box.top).min() ?? 0, lines.map(\.box.right).max() ?? 0,
        lines.map(\.box.bottom).max() ?? 0
      )
    }
  }

  /// The most cells that are compared with each other: more than any real page has. A hostile page would otherwise take
  /// quadratic time.
  private static let besideMax = 500

  /// Groups of cells that stand side by side, from the top down; a group of one has nothing beside it.
  static func groups(_ lines: [PDFText.Line]) -> [[Cell]] {
    var groups: [[Cell]] = []
    /// The cells of the last group that reach down beside the current cell.
    var open: [Box] = []
    for cell in cells(lines).sorted(by: { $0.box.top < $1.box.top }) {
      open.removeAll { $0.bottom <= cell.box.top }
      if open.suffix(besideMax).contains(where: { isBeside($0, cell.box) }) {
        groups[groups.count - 1].append(cell)
      } else {
        groups.append([cell])
        open = []
      }
      open.append(cell.box)
    }
    return groups
  }

  /// The rows of a group, each from left to right. The column with the most cells determines the rows. A cell beside
  /// several rows is repeated in each of them.
  static func rows(_ group: [Cell]) -> [[Cell]] {
    guard group.count <= 4 * besideMax else { return group.map { [$0] } }
    let columns = columns(group)
    guard let anchors = columns.max(by: { $0.count < $1.count }), anchors.count > 1 else {
      return [group.sorted { $0.box.left < $1.box.left }]
    }
    var rows = anchors.map { [$0] }
    for column in columns where column.first?.box.left != anchors.first?.box.left {
      for cell in column {
        let beside = anchors.indices.filter {
          shared(anchors[$0].box, cell.box) > 0.3 * height(anchors[$0].box)
        }
        let nearest = anchors.indices.min {
          abs(middle(anchors[$0].box) - middle(cell.box)) < abs(middle(anchors[$1].box) - middle(cell.box))
        }
        for row in beside.isEmpty ? [nearest ?? 0] : beside { rows[row].append(cell) }
      }
    }
    return rows.map { $0.sorted { $0.box.left < $1.box.left } }
  }

  /// Groups cells into columns by their horizontal positions; each column is sorted from the top down.
  private static func columns(_ group: [Cell]) -> [[Cell]] {
    var columns: [(right: Double, cells: [Cell])] = []
    for cell in group.sorted(by: { $0.box.left < $1.box.left }) {
      if let last = columns.last, cell.box.left < last.right {
        columns[columns.count - 1].cells.append(cell)
        columns[columns.count - 1].right = max(last.right, cell.box.right)
      } else {
        columns.append((cell.box.right, [cell]))
      }
    }
    return columns.map { $0.cells.sorted { $0.box.top < $1.box.top } }
  }

  private static func height(_ box: Box) -> Double { max(1, box.bottom - box.top) }
  private static func middle(_ box: Box) -> Double { (box.bottom + box.top) / 2 }
  private static func shared(_ a: Box, _ b: Box) -> Double { min(a.bottom, b.bottom) - max(a.top, b.top) }

  private static func isBeside(_ a: Box, _ b: Box) -> Bool { shared(a, b) > 0.5 * min(height(a), height(b)) }

  private static func cells(_ lines: [PDFText.Line]) -> [Cell] {
    var cells: [Cell] = []
    var start = 0
    while start < lines.count {
      var end = start + 1
      while end < lines.count, lines[end].block == lines[start].block, goesOn(lines[end - 1], lines[end]) {
        end += 1
      }
      let part = Array(lines[start..<end])
      if isWrapped(part) || isAlone(part, in: lines) {
        cells.append(Cell(part))
      } else {
        cells += part.map { Cell([$0]) }
      }
      start = end
    }
    return cells
  }

  /// Whether there are fewer rows of text beside the lines than there are lines. Then the lines are one cell, and not a
  /// row each.
  private static func isAlone(_ part: [PDFText.Line], in lines: [PDFText.Line]) -> Bool {
    let box = Cell(part).box
    guard part.count < 6, lines.count <= 4 * besideMax else { return false }
    var bottoms: [Double] = []
    for line in lines.sorted(by: { $0.box.top < $1.box.top }) {
      let middle = (line.box.top + line.box.bottom) / 2
      guard middle > box.top, middle < box.bottom, line.box.right <= box.left || line.box.left >= box.right
      else {
        continue
      }
      if bottoms.last.map({ middle > $0 }) ?? true { bottoms.append(line.box.bottom) }
    }
    return !bottoms.isEmpty && bottoms.count < part.count
  }

  /// Whether a line continues the line before it in its block: directly below it, with the same indentation.
  private static func goesOn(_ a: PDFText.Line, _ b: PDFText.Line) -> Bool {
    let gap = b.box.top - a.box.bottom
    return gap > -0.5 * a.height && gap < 0.8 * a.height && abs(a.box.left - b.box.left) < 0.6 * a.height
  }

  /// Whether lines are one wrapped text, and not values below each other: all but the last are wider than 60 % of the
  /// widest, and one continues a sentence or there are at least four words per line.
  private static func isWrapped(_ lines: [PDFText.Line]) -> Bool {
    guard lines.count > 1 else { return true }
    let width = lines.map { $0.box.right - $0.box.left }.max() ?? 0
    guard lines.dropLast().allSatisfy({ $0.box.right - $0.box.left > 0.6 * width }) else { return false }
    return zip(lines, lines.dropFirst()).contains { line, next in
      next.text.first?.isLowercase == true || line.text.hasSuffix(",") || line.text.hasSuffix("-")
        || next.text.first == "("
    } || lines.reduce(0) { $0 + $1.wordCount } >= 4 * lines.count
  }
}
