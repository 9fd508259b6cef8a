/// The cells of a table, each in its columns, and which rows are its header.
struct TableGrid {
  struct Cell {
    var text: String
    var columns = 1
    var rows = 1
  }

  /// Spans beyond these are ignored: a few bytes could ask for millions of cells.
  private static let columnsMax = 16_384
  private static let cellsMax = 300_000

  /// Text by row and column; "" where there is none.
  private(set) var rows: [[String]] = []
  private var headerRows = 0
  private var cellCount = 0
  /// By column: cells of earlier rows that reach into later ones, and the number of rows left.
  private var reaching: [Int: (text: String, rows: Int)] = [:]

  /// A cell that spans columns is followed by empty ones; one that spans rows stands in each of them.
  mutating func append(_ cells: [Cell], isHeader: Bool) {
    var row: [String] = []
    var next: [Int: (text: String, rows: Int)] = [:]
    func fill() {
      while let cell = reaching.removeValue(forKey: row.count) {
        if cell.rows > 1 { next[row.count] = (cell.text, cell.rows - 1) }
        row.append(cell.text)
      }
    }
    for cell in cells {
      fill()
      let isSpanning = cellCount + row.count < Self.cellsMax
      let columns = isSpanning && row.count < Self.columnsMax ? min(max(1, cell.columns), Self.columnsMax) : 1
      for column in 0..<columns {
        // In a header, each of the columns has the name.
        let text = column == 0 || isHeader ? cell.text : ""
        if cell.rows > 1, isSpanning { next[row.count] = (text, min(cell.rows, 65_534) - 1) }
        row.append(text)
      }
    }
    fill()
    cellCount += row.count
    reaching = cellCount < Self.cellsMax ? next : [:]
    if isHeader, headerRows == rows.count { headerRows += 1 }
    rows.append(row)
  }

  /// Takes the first row as the header of a table that marks none, if it looks like names above values: different texts
  /// without digits, above at least one column of numbers.
  ///
  /// - Parameter isLikely: true for a table that styles its first row: then names are enough.
  mutating func inferHeader(isLikely: Bool = false) {
    guard headerRows == 0, rows.count >= (isLikely ? 2 : 3), let first = rows.first, first.count > 1,
      first.allSatisfy({ $0.contains(where: \.isLetter) && $0.count(where: \.isNumber) < 3 }),
      Set(first).count == first.count
    else { return }
    if isLikely { headerRows = 1 }
    let rest = rows.dropFirst()
    for column in first.indices {
      let values = rest.compactMap { column < $0.count && !$0[column].isEmpty ? $0[column] : nil }
      if values.count > 1, values.allSatisfy(Self.isValue) {
        headerRows = 1
        return
      }
    }
  }

  /// Mostly digits: a number, a date, an amount, a telephone number.
  static func isValue(_ text: String) -> Bool {
    let letters = text.filter(\.isLetter).count
    let digits = text.filter(\.isNumber).count
    return digits > 0 && letters <= digits
  }

  /// The names of the columns, those of several header rows joined; empty without a header.
  var header: [String] {
    let heads = rows.prefix(headerRows)
    let width = heads.map(\.count).max() ?? 0
    return (0..<width).map { column in
      var names: [String] = []
      for row in heads where column < row.count && !row[column].isEmpty && names.last != row[column] {
        names.append(row[column])
      }
      return names.joined(separator: " ")
    }
  }

  var body: ArraySlice<[String]> { rows.dropFirst(headerRows) }

  static func line(_ cells: [String]) -> String {
    var cells = cells[...]
    while cells.last?.isEmpty == true { cells.removeLast() }
    return cells.joined(separator: " | ")
  }
}
