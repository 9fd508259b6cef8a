import Parsing

/// Reads XLSX: each visible sheet as a table below its name, with the values as they are shown. Hidden rows and columns
/// are left out.
struct Workbook {
  private static let columnsMax = 16_384

  private let archive: Archive
  private var sheets: [(name: String, path: String)] = []
  private var texts: [String] = []
  private var formats: [CellFormat] = []
  private var is1904 = false

  init(_ archive: Archive) throws(ParsingError) {
    self.archive = archive
    guard let book = try archive.xml("xl/workbook.xml") else {
      throw ParsingError(.unreadable, rule: "must be a whole XLSX: xl/workbook.xml is missing")
    }
    is1904 = ["1", "true"].contains(book.root.first("workbookPr")?.attribute("date1904") ?? "")
    var targets: [String: String] = [:]
    if let links = try archive.xml("xl/_rels/workbook.xml.rels") {
      for link in links.root.children {
        if let id = link.attribute("Id"), let target = link.attribute("Target") {
          targets[id] = Office.path(target, from: "xl")
        }
      }
    }
    for sheet in book.root.first("sheets")?.children ?? []
    where (sheet.attribute("state") ?? "visible") == "visible" {
      if let path = targets[sheet.attribute("id") ?? ""] {
        sheets.append((sheet.attribute("name") ?? "", path))
      }
    }
    if let shared = try archive.xml("xl/sharedStrings.xml") {
      texts = shared.root.children.map(Self.text)
    }
    if let styles = try archive.xml("xl/styles.xml") {
      var codes: [Int: String] = [:]
      for code in styles.root.first("numFmts")?.children ?? [] {
        if let id = code.attribute("numFmtId").flatMap({ Int($0) }) {
          codes[id] = code.attribute("formatCode")
        }
      }
      formats = (styles.root.first("cellXfs")?.children ?? []).map { style in
        let id = style.attribute("numFmtId").flatMap { Int($0) } ?? 0
        return CellFormat(id: id, code: codes[id])
      }
    }
  }

  /// - Throws: `ParsingError` for a sheet that can't be read.
  func document() throws(ParsingError) -> ParsedDocument {
    var output = BlockBuilder()
    for sheet in sheets {
      guard let tree = try archive.xml(sheet.path) else { continue }
      let grids = withExtendedLifetime(tree) { self.grids(tree.root) }
      guard !grids.isEmpty else { continue }
      output.addHeading(sheet.name, level: 1)
      for grid in grids { output.add(grid) }
    }
    let title = try archive.xml("docProps/core.xml")?.root.first("title")?.text ?? ""
    return ParsedDocument(
      text: output.text, blocks: output.blocks,
      title: title.isEmpty ? "" : BlockBuilder.cut(title, bytesMax: 1200))
  }

  private func grids(_ sheet: XMLNode) -> [TableGrid] {
    var hidden: Set<Int> = []
    for column in sheet.first("cols")?.children ?? [] where Self.isOn(column.attribute("hidden")) {
      let first = column.attribute("min").flatMap { Int($0) } ?? 1
      let last = min(column.attribute("max").flatMap { Int($0) } ?? first, Self.columnsMax)
      if first >= 1, first <= last { hidden.formUnion(first...last) }
    }
    var merges = MergedCells(sheet.first("mergeCells"))
    // An empty row separates tables.
    var parts: [[[Int: String]]] = []
    var (number, lastFull) = (0, -1)
    for row in sheet.first("sheetData")?.children ?? [] {
      number = row.attribute("r").flatMap { Int($0) } ?? number &+ 1
      var texts: [Int: String] = [:]
      var column = 0
      for cell in row.children where cell.name == "c" {
        column = cell.attribute("r").flatMap(Self.column) ?? column + 1
        let text = value(cell).split { $0.isWhitespace }.joined(separator: " ")
        if !text.isEmpty, column <= Self.columnsMax { texts[column] = text }
      }
      let isEmpty = texts.isEmpty
      merges.fill(row: number, &texts)
      for column in texts.keys where hidden.contains(column) { texts[column] = nil }
      if isEmpty {
        // A row that holds only continued merged cells is not a row of the table, but does not end the table either.
        if !texts.isEmpty { lastFull = number }
        continue
      }
      let isNext = lastFull == number &- 1
      lastFull = number
      if Self.isOn(row.attribute("hidden")) || texts.isEmpty { continue }
      if isNext, !parts.isEmpty { parts[parts.count - 1].append(texts) } else { parts.append([texts]) }
    }
    return grids(of: parts, hidden)
  }

  private func grids(of parts: [[[Int: String]]], _ hidden: Set<Int>) -> [TableGrid] {
    var grids: [TableGrid] = []
    var former: (columns: ClosedRange<Int>, header: [TableGrid.Cell])?
    for part in parts {
      let used = part.flatMap(\.keys)
      guard let left = used.min(), let right = used.max() else { continue }
      func cells(_ texts: [Int: String]) -> [TableGrid.Cell] {
        let last = texts.keys.max() ?? left
        return (left...last).filter { !hidden.contains($0) }.map { TableGrid.Cell(text: texts[$0] ?? "") }
      }
      var grid = TableGrid()
      for texts in part { grid.append(cells(texts), isHeader: false) }
      grid.inferHeader()
      if !grid.header.isEmpty {
        former = (left...right, grid.header.map { TableGrid.Cell(text: $0) })
      } else if let table = former, table.columns.lowerBound == left, right <= table.columns.upperBound,
        right > left
      {
        // The table continues after an empty row, so its header applies here too.
        grid = TableGrid()
        grid.append(table.header, isHeader: true)
        for texts in part { grid.append(cells(texts), isHeader: false) }
      }
      grids.append(grid)
    }
    return grids
  }

  private func value(_ cell: XMLNode) -> String {
    let stored = cell.children.first { $0.name == "v" }?.text.nilIfEmpty
    switch cell.attribute("t") {
    case "s": return stored.flatMap { Int($0) }.flatMap { texts.indices.contains($0) ? texts[$0] : nil } ?? ""
    case "inlineStr": return cell.children.first { $0.name == "is" }.map(Self.text) ?? ""
    case "b": return stored.map { $0 == "1" ? "TRUE" : "FALSE" } ?? ""
    case "str", "e":
      // The result of a formula may be an empty text.
      return stored ?? (cell.children.contains { $0.name == "v" } ? "" : formula(cell))
    default:
      guard let stored else { return formula(cell) }
      let style = cell.attribute("s").flatMap { Int($0) } ?? 0
      return (formats.indices.contains(style) ? formats[style] : .general).shown(stored, is1904: is1904)
    }
  }

  /// The formula of a cell without a stored value, marked as such, so that the cell isn't left out.
  private func formula(_ cell: XMLNode) -> String {
    cell.children.first { $0.name == "f" }.map {
      $0.text.isEmpty ? "formula (no stored value)" : "=\($0.text) (no stored value)"
    } ?? ""
  }

  /// The text of a string, without the phonetic guides of Japanese (`rPh`).
  private static func text(_ node: XMLNode) -> String {
    var text = ""
    node.walk { inner in
      if inner.name == "t" { text += inner.text }
      return inner.name != "rPh"
    }
    return text
  }

  /// The column number in a cell reference, from 1: 28 for "AB7".
  static func column(_ reference: String) -> Int? {
    let letters = reference.uppercased().utf8.prefix { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
    guard (1...3).contains(letters.count) else { return nil }
    let number = letters.reduce(0) { $0 * 26 + Int($1 - UInt8(ascii: "A")) + 1 }
    return number <= columnsMax ? number : nil
  }

  private static func isOn(_ flag: String?) -> Bool { flag == "1" || flag == "true" }
}

extension String {
  fileprivate var nilIfEmpty: String? { isEmpty ? nil : self }
}
