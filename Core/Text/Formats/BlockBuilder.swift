import Parsing

/// Builds an extracted text: blocks separated by an empty line, each with the path of the headings above it.
struct BlockBuilder {
  private(set) var text: [UInt8] = []
  private(set) var blocks: [ParsedDocument.Block] = []
  /// The first top-level heading.
  private(set) var title = ""
  private var path: [(level: Int, title: String)] = []
  private static let headingCharactersMax = 200
  private static let headingBytesMax = 800
  private static let titleBytesMax = 4096

  mutating func addHeading(_ name: String, level: Int) {
    guard !name.isEmpty else { return }
    path.removeAll { $0.level >= level }
    if title.isEmpty, level == 1 { title = Self.cut(name, bytesMax: Self.titleBytesMax) }
    let heading = String(name.prefix(Self.headingCharactersMax))
    path.append((level, Self.cut(heading, bytesMax: Self.headingBytesMax)))
    add(name, .heading)
  }

  /// The start of a text, cut between Unicode scalars. The limit counts bytes, because one character may have
  /// a million combining marks.
  static func cut(_ text: String, bytesMax: Int) -> String {
    let bytes = Array(text.utf8.prefix(bytesMax + 1))
    guard bytes.count > bytesMax else { return text }
    var end = bytesMax
    while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
    return String(decoding: bytes[..<end], as: UTF8.self)
  }

  private static let contextBytesMax = 2000

  /// Sets the context of a block that was added before.
  mutating func setContext(_ context: String, ofBlock index: Int) {
    guard blocks.indices.contains(index) else { return }
    blocks[index].context = Self.cut(context, bytesMax: Self.contextBytesMax)
  }

  /// Adds the rows of a table.
  mutating func add(_ grid: TableGrid) {
    let header = TableGrid.line(grid.header)
    for row in grid.rows.prefix(grid.titleRows) { add(TableGrid.line(row), .prose) }
    // Without rows below it, the header is added as text.
    for row in grid.body.isEmpty ? grid.rows.dropFirst(grid.titleRows) : grid.body {
      guard row.contains(where: { !$0.isEmpty }) else { continue }
      add(TableGrid.line(row), .row, context: grid.body.isEmpty ? "" : header)
    }
  }

  /// Appends another document, which keeps its own headings.
  mutating func append(_ document: ParsedDocument) {
    if !text.isEmpty, !document.text.isEmpty { text += [0x0A, 0x0A] }
    let start = text.count
    text += document.text
    if title.isEmpty { title = document.title }
    for block in document.blocks {
      var block = block
      block.range = start + block.range.lowerBound..<start + block.range.upperBound
      blocks.append(block)
    }
  }

  mutating func add(_ content: String, _ kind: ParsedDocument.Block.Kind, context: String = "") {
    var bytes = Array(content.utf8)
    while let last = bytes.last, last == 0x0A || last == 0x20 || last == 0x0D { bytes.removeLast() }
    if let start = bytes.firstIndex(where: { $0 != 0x0A && $0 != 0x0D }) { bytes.removeFirst(start) }
    guard !bytes.isEmpty else { return }
    if !text.isEmpty { text += [0x0A, 0x0A] }
    let start = text.count
    text += bytes
    blocks.append(
      .init(
        kind: kind, range: start..<text.count, headingPath: path.map(\.title),
        context: Self.cut(context, bytesMax: Self.contextBytesMax)))
  }
}
