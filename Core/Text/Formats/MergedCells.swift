/// The merged cells of a sheet. The file holds the text of a merged cell only in the first of its cells; on the screen
/// it covers all of them.
struct MergedCells {
  private struct Area {
    var columns: ClosedRange<Int>
    var rows: ClosedRange<Int>
    var text = ""
    /// Whether its text is written to all its columns.
    var isAcross = false
  }

  private static let areasMax = 100_000
  /// A wider merged cell is a title, and not the name of a group of columns.
  private static let namedColumnsMax = 64

  /// Areas that begin below the current row; the next one is last.
  private var waiting: [Area] = []
  /// Areas that the current row lies in.
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

  /// Writes the texts of merged cells into a row: into every row of an area, and into all its columns if it names a
  /// group of columns.
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

  /// Whether a cell over several columns has other cells in its row, as the names of groups of columns do. A cell alone
  /// in its row is a title.
  private func isAmongOthers(_ area: Area, _ texts: [Int: String]) -> Bool {
    area.columns.count > 1 && texts.keys.contains { !area.columns.contains($0) }
  }
}
