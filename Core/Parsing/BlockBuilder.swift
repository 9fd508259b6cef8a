/// Puts an extracted text together: blocks with an empty line between them, under the headings that precede them.
struct BlockBuilder {
  private(set) var text: [UInt8] = []
  private(set) var blocks: [ParsedDocument.Block] = []
  /// The first top-level heading.
  private(set) var title = ""
  private var path: [(level: Int, title: String)] = []
  private static let headingCharactersMax = 200

  mutating func addHeading(_ name: String, level: Int) {
    guard !name.isEmpty else { return }
    path.removeAll { $0.level >= level }
    if title.isEmpty, level == 1 { title = name }
    path.append((level, String(name.prefix(Self.headingCharactersMax))))
    add(name, .heading)
  }

  mutating func add(_ content: String, _ kind: ParsedDocument.Block.Kind) {
    var bytes = Array(content.utf8)
    while let last = bytes.last, last == 0x0A || last == 0x20 || last == 0x0D { bytes.removeLast() }
    if let start = bytes.firstIndex(where: { $0 != 0x0A && $0 != 0x0D }) { bytes.removeFirst(start) }
    guard !bytes.isEmpty else { return }
    if !text.isEmpty { text += [0x0A, 0x0A] }
    let start = text.count
    text += bytes
    blocks.append(.init(kind: kind, range: start..<text.count, headingPath: path.map(\.title)))
  }
}
