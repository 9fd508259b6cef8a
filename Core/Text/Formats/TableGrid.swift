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
  private static let repeatedBytesMax = 1 << 24

  /// Text by row and column; "" where there is none.
  private(set) var rows: [[String]] = []
  private var headerRows = 0
  /// The number of rows above the header that are the table's title.
  private(set) var titleRows = 0
  private var cellCount = 0
  /// The bytes of texts that are repeated in several rows.
  private var repeatedBytes = 0
  /// By column: cells of earlier rows that reach into later ones, and the number of rows left.
  private var reaching: [Int: (text: String, rows: Int)] = [:]

  /// Appends a row. A cell that spans columns is followed by empty ones, or in a header repeated; a cell that spans
  /// rows is repeated in each of them.
  mutating func append(_ cells: [Cell], isHeader: Bool) {
    var row: [String] = []
    var next: [Int: (text: String, rows: Int)] = [:]
    func fill() {
      while let cell = reaching.removeValue(forKey: row.count) {
        repeatedBytes += cell.text.utf8.count
        let text = repeatedBytes < Self.repeatedBytesMax ? cell.text : ""
        if cell.rows > 1 { next[row.count] = (text, cell.rows - 1) }
        row.append(text)
      }
    }
    for cell in cells {
      fill()
      let isSpanning = cellCount + row.count < Self.cellsMax
      let columns = isSpanning && row.count < Self.columnsMax ? min(max(1, cell.columns), Self.columnsMax) : 1
      for column in 0..<columns {
        // In a header, each of the columns gets the name.
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

  /// Infers the header of a table that marks none: the first row, or the first two, if they look like names above
  /// values. Names are distinct texts with fewer than three digits, or years; at least one column below them must be
  /// mostly values. Rows of one cell above them are the table's title.
  ///
  /// - Parameter isLikely: true for a table that styles its first row: then names are enough.
  mutating func inferHeader(isLikely: Bool = false) {
    guard headerRows == 0 else { return }
    let width = rows.map { $0.count { !$0.isEmpty } }.max() ?? 0
    let titles = width > 1 ? rows.prefix { $0.count { !$0.isEmpty } <= 1 }.count : 0
    guard rows.count - titles >= 2, rows.indices.contains(titles) else { return }
    for depth in 1...2 where rows.count - titles > depth {
      let rest = rows.dropFirst(titles + depth)
      guard let names = names(rows[titles..<titles + depth], above: rest) else { continue }
      // If only one row is below, most of its cells must be values: the two rows may also be two pairs of a name and
      // its value.
      let single = rest.first.map { row in row.filter { !$0.isEmpty } } ?? []
      let isNamed =
        isLikely
        || rest.count == 1 && single.count > 1 && single.count(where: Self.isValue) * 2 > single.count
        || names.indices.contains { column in
          let values = rest.compactMap { column < $0.count && !$0[column].isEmpty ? $0[column] : nil }
          return values.count > 1 && values.count(where: Self.isValue) * 3 >= values.count * 2
            && !(Self.isYear(names[column]) && values.allSatisfy(Self.isYear))
        }
      guard isNamed else { continue }
      titleRows = titles
      headerRows = depth
      return
    }
  }

  /// The names that header rows give the columns; nil if they don't look like names, or two columns have the same name.
  private func names(_ heads: ArraySlice<[String]>, above rest: ArraySlice<[String]>) -> [String]? {
    guard heads.allSatisfy({ row in row.allSatisfy { $0.isEmpty || Self.isName($0) } }) else { return nil }
    let width = heads.map(\.count).max() ?? 0
    let names = (0..<width).map { column in
      heads.compactMap { column < $0.count && !$0[column].isEmpty ? $0[column] : nil }.joined(separator: " ")
    }
    let given = names.filter { !$0.isEmpty }
    guard given.count > 1, Set(given).count == given.count else { return nil }
    // The first column, above the names of the rows, may have no name, and so may a column that is empty below.
    let isWhole = names.indices.dropFirst().allSatisfy { column in
      !names[column].isEmpty || rest.allSatisfy { column >= $0.count || $0[column].isEmpty }
    }
    return isWhole ? names : nil
  }

  private static func isName(_ text: String) -> Bool {
    text.contains(where: \.isLetter) && text.count(where: \.isNumber) < 3 || isYear(text)
  }

  /// A year, a season or a part of one: 2024, 2023/24, FY2024, Q1 2024, Jan 2024.
  static func isYear(_ text: String) -> Bool {
    text.wholeMatch(
      of: /(?:[A-Za-z]{1,9}\.?[ \-]?[0-9]?[ \-])?(?:[A-Z]{1,2})?(?:19|20)[0-9]{2}(?:[\/\-–][0-9]{2,4})?/)
      != nil
  }

  /// Mostly digits, or a number with its unit: a date, an amount, a telephone number, "8 kg".
  static func isValue(_ text: String) -> Bool {
    let letters = text.filter(\.isLetter).count
    let digits = text.filter(\.isNumber).count
    return digits > 0 && (letters <= digits || letters <= 4 && text.first?.isNumber == true)
  }

  /// The names of the columns, those of several header rows joined; empty without a header.
  var header: [String] {
    let heads = rows.dropFirst(titleRows).prefix(headerRows)
    let width = heads.map(\.count).max() ?? 0
    return (0..<width).map { column in
      var names: [String] = []
      for row in heads where column < row.count && !row[column].isEmpty && names.last != row[column] {
        names.append(row[column])
      }
      return names.joined(separator: " ")
    }
  }

  var body: ArraySlice<[String]> { rows.dropFirst(titleRows + headerRows) }

  static func line(_ cells: [String]) -> String {
    var cells = cells[...]
    while cells.last?.isEmpty == true { cells.removeLast() }
    return cells.joined(separator: " | ")
  }
}
