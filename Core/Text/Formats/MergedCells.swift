/// The merged cells of a sheet. Their text stands in the first one: in the file only there, on the screen in all.
struct MergedCells {
  private struct Area {
    var columns: ClosedRange<Int>
    var rows: ClosedRange<Int>
    var text = ""
    /// Its text stands in all its columns.
    var isAcross = false
  }

  private static let areasMax = 100_000
  /// A title over the whole sheet says nothing of its columns.
  private static let namedColumnsMax = 64

  /// In the order of their first rows.
  private var waiting: [Area] = []
  /// Those that the present row lies in.
  private var open: [Area] = []

  init(_ merges: XMLNode?) {
    for merge in merges?.children.prefix(Self.areasMax) ?? [] {
      let ends = (merge.attribute("ref") ?? "").split(separator: ":").map(String.init)
      guard ends.count == 2, let left = Workbook.column(ends[0]), let right = Workbook.column(ends[1]),
        let top = Int(ends[0].filter(\.isNumber)), let bottom = Int(ends[1].filter(\.isNumber)),
        left <= right,
        top <= bottom
      else { continue }
      waiting.append(Area(columns: left...right, rows: top...bottom))
    }
    waiting.sort { $0.rows.lowerBound > $1.rows.lowerBound }
  }

  /// Writes the texts of merged cells into a row: down all rows, and over the columns of a cell that spans some.
  mutating func fill(row: Int, _ texts: inout [Int: String]) {
    while let next = waiting.last, next.rows.lowerBound <= row {
      waiting.removeLast()
      if next.rows.contains(row) { open.append(next) }
    }
    open.removeAll { $0.rows.upperBound < row }
    for index in open.indices {
      let area = open[index]
      if area.rows.lowerBound == row {
        open[index].text = texts[area.columns.lowerBound] ?? ""
        open[index].isAcross = area.columns.count <= Self.namedColumnsMax && isAmongOthers(area, texts)
      }
      guard !open[index].text.isEmpty else { continue }
      for column in area.columns.prefix(open[index].isAcross ? area.columns.count : 1) {
        texts[column] = open[index].text
      }
    }
  }

  /// Whether a cell over several columns stands among others, as the names of groups of columns do. Alone in its row it
  /// is a title.
  private func isAmongOthers(_ area: Area, _ texts: [Int: String]) -> Bool {
    area.columns.count > 1 && texts.keys.contains { !area.columns.contains($0) }
  }
}
