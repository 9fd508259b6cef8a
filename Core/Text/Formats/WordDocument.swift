import Parsing

/// Reads DOCX: headings, lists with their numbers, tables, footnotes where they are used. Tracked changes are read as
/// accepted, and hidden text, comments and page headers are left out.
struct WordDocument {
  /// Elements whose content is not shown, for example deleted text.
  private static let leftOut: Set<String> = [
    "del", "moveFrom", "instrText", "delText", "delInstrText", "Fallback", "pPr", "rPr", "tblPr", "trPr",
    "tcPr", "sectPr",
    "commentReference", "annotationRef",
  ]

  private let body: XMLTree
  /// Heading levels by style; 0 for the style of titles.
  private var headings: [String: Int] = [:]
  /// Of the styles that say it, or inherit it: whether their text is hidden.
  private var hiddenStyles: [String: Bool] = [:]
  /// Table styles that format the first row differently.
  private var headerStyles: Set<String> = []
  /// The text of a paragraph whose end mark was deleted: it continues in the next paragraph.
  private var unended = ""
  /// By style: the list that its paragraphs belong to.
  private var listStyles: [String: XMLNode] = [:]
  private var styles: XMLTree?
  private var numbering: WordNumbering
  private var notes: [String: String] = [:]
  private var output = BlockBuilder()
  /// The block indices of each numbered list, by `Number.run`.
  private var items: [Int: [Int]] = [:]
  private var title = ""

  init(_ archive: Archive) throws(ParsingError) {
    guard let body = try archive.xml("word/document.xml") else {
      throw ParsingError(.unreadable, rule: "must be a whole DOCX: word/document.xml is missing")
    }
    self.body = body
    let numbers = try archive.xml("word/numbering.xml")
    numbering = WordNumbering(numbers?.root)
    styles = try archive.xml("word/styles.xml")
    if let styles { read(styles: styles.root) }
    // Footnotes inside footnotes are not expanded: each could double the text.
    var texts: [String: String] = [:]
    for kind in ["footnote", "endnote"] {
      guard let tree = try archive.xml("word/\(kind)s.xml") else { continue }
      for note in tree.root.children {
        // Notes with a type are the separators between text and notes.
        guard let id = note.attribute("id"), note.attribute("type") == nil else { continue }
        texts["\(kind) \(id)"] = Self.folded(text(of: note))
      }
    }
    notes = texts
    title = try archive.xml("docProps/core.xml")?.root.first("title")?.text ?? ""
  }

  private mutating func read(styles: XMLNode) {
    var parents: [String: String] = [:]
    defer { inherit(parents) }
    for style in styles.children where style.name == "style" {
      guard let id = style.attribute("styleId") else { continue }
      let name = style.first("name")?.attribute("val")?.lowercased() ?? ""
      if name.hasPrefix("heading "), let level = Int(name.dropFirst(8)) {
        headings[id] = level
      } else if let level = style.first("outlineLvl")?.attribute("val").flatMap({ Int($0) }), level < 9 {
        headings[id] = level + 1
      } else if name == "title" {
        headings[id] = 0
      }
      parents[id] = style.children.first { $0.name == "basedOn" }?.attribute("val")
      listStyles[id] = style.first("numPr")
      if style.children.contains(where: { $0.name == "tblStylePr" && $0.attribute("type") == "firstRow" }) {
        headerStyles.insert(id)
      }
      if let vanish = style.first("vanish") { hiddenStyles[id] = Self.isOn(vanish) }
    }
  }

  /// Inherits from parent styles what a style does not say itself: the heading level, the list, and whether its text
  /// is hidden.
  private mutating func inherit(_ parents: [String: String]) {
    for id in parents.keys {
      var parent = parents[id]
      for _ in 0..<10 {
        guard let name = parent else { break }
        if headings[id] == nil, let level = headings[name] { headings[id] = level }
        if listStyles[id] == nil, let list = listStyles[name] { listStyles[id] = list }
        if hiddenStyles[id] == nil, let isHidden = hiddenStyles[name] { hiddenStyles[id] = isHidden }
        parent = parents[name]
      }
    }
  }

  func document() throws(ParsingError) -> ParsedDocument {
    var reader = self
    withExtendedLifetime(body) { reader.read(body.root.first("body")?.children ?? []) }
    for blocks in reader.items.values where blocks.count > 1 {
      for block in blocks { reader.output.setContext("numbered list of \(blocks.count)", ofBlock: block) }
    }
    return ParsedDocument(
      text: reader.output.text, blocks: reader.output.blocks,
      title: title.isEmpty ? reader.output.title : BlockBuilder.cut(title, bytesMax: 1200))
  }

  private mutating func read(_ nodes: [XMLNode]) {
    for node in nodes {
      switch node.name {
      case "p": read(paragraph: node)
      case "tbl": read(table: node)
      case "sdt": read(node.first("sdtContent")?.children ?? [])
      case "ins", "moveTo", "customXml", "smartTag": read(node.children)
      default: break
      }
    }
  }

  private mutating func read(paragraph: XMLNode) {
    let properties = paragraph.children.first { $0.name == "pPr" }
    let style = properties?.children.first { $0.name == "pStyle" }?.attribute("val") ?? ""
    var number: WordNumbering.Number?
    if let list = properties?.children.first(where: { $0.name == "numPr" }) ?? listStyles[style] {
      number = numbering.next(
        list.first("numId")?.attribute("val") ?? "",
        level: list.first("ilvl")?.attribute("val").flatMap { Int($0) } ?? 0)
    }
    let text = Self.folded(unended + text(of: paragraph))
    unended = ""
    if properties?.children.first(where: { $0.name == "rPr" })?.children.contains(where: { $0.name == "del" })
      == true
    {
      unended = text + " "
      return
    }
    guard !text.isEmpty, hiddenStyles[style] != true else { return }
    let outline = properties?.children.first { $0.name == "outlineLvl" }?.attribute("val").flatMap { Int($0) }
    if let level = headings[style] ?? outline.flatMap({ (0..<9).contains($0) ? $0 + 1 : nil }) {
      output.addHeading(Self.labelled(text, number), level: max(1, level))
    } else {
      output.add(Self.labelled(text, number), .prose)
      if let number, !number.text.isEmpty { items[number.run, default: []].append(output.blocks.count - 1) }
    }
  }

  private static func labelled(_ text: String, _ number: WordNumbering.Number?) -> String {
    guard let number, !number.text.isEmpty else { return text }
    return number.text + " " + text
  }

  private mutating func read(table: XMLNode) {
    let rows = Self.below(table, "tr")
    let look = table.first("tblPr")?.first("tblLook")
    let isData = rows.contains { $0.first("tblHeader").map(Self.isOn) ?? false }
    // A table that contains other tables only arranges the page, unless it has a header.
    if !isData, rows.contains(where: { $0.first("tbl") != nil }) {
      for row in rows { for cell in Self.below(row, "tc") { read(cell.children) } }
      return
    }
    var grid = TableGrid()
    var above: [Int: String] = [:]
    for row in rows where row.first("del")?.name == nil || row.first("trPr")?.first("del") == nil {
      var cells: [TableGrid.Cell] = []
      var column = 0
      for cell in Self.below(row, "tc") {
        let properties = cell.children.first { $0.name == "tcPr" }
        let width = properties?.first("gridSpan")?.attribute("val").flatMap { Int($0) } ?? 1
        var text = Self.folded(text(of: cell))
        if let merge = properties?.first("vMerge") {
          if merge.attribute("val") == "restart" {
            above[column] = text
          } else {
            text = above[column] ?? text
          }
        }
        cells.append(TableGrid.Cell(text: text, columns: width))
        column += min(max(1, width), 1000)
      }
      let isHeader = row.first("trPr")?.first("tblHeader").map(Self.isOn) ?? false
      grid.append(cells, isHeader: isHeader)
    }
    grid.inferHeader(isLikely: look?.attribute("firstRow") == "1" && isStyled(table, rows.first))
    output.add(grid)
  }

  /// Whether the first row looks different. The table's `firstRow` flag is not enough: Word sets it on every table.
  private func isStyled(_ table: XMLNode, _ first: XMLNode?) -> Bool {
    let style = table.first("tblPr")?.first("tblStyle")?.attribute("val") ?? ""
    if headerStyles.contains(style) { return true }
    guard let first else { return false }
    var (bold, all) = (0, 0)
    first.walk { node in
      guard node.name == "r" else { return true }
      all += 1
      if let property = node.children.first(where: { $0.name == "rPr" })?.children.first(where: {
        $0.name == "b"
      }),
        Self.isOn(property)
      {
        bold += 1
      }
      return false
    }
    return all > 1 && bold == all
  }

  /// The child elements of this name, including those inside content controls and insertions.
  private static func below(_ node: XMLNode, _ name: String) -> [XMLNode] {
    node.children.flatMap { child -> [XMLNode] in
      if child.name == name { return [child] }
      return ["sdt", "sdtContent", "customXml", "ins"].contains(child.name) ? below(child, name) : []
    }
  }

  /// The text that is shown below a node; footnotes stand where they are used.
  private func text(of node: XMLNode) -> String {
    var text = ""
    node.walk { inner in
      if inner.isText { return false }
      switch inner.name {
      case "oMath":
        text += MathReader.text(ofOffice: inner)
        return false
      case "t": text += inner.text
      case "tab", "br", "cr": text += " "
      case "noBreakHyphen": text += "-"
      case "p": text += " "
      case "tr": text += text.contains { !$0.isWhitespace } ? "; " : ""
      case "tc":
        let isFirst = inner.isSame(as: node) || (text.last { !$0.isWhitespace }.map { $0 == ";" } ?? true)
        text += isFirst ? " " : ", "
      case "footnoteReference": text += note("footnote", inner)
      case "endnoteReference": text += note("endnote", inner)
      case "r":
        let properties = inner.children.first { $0.name == "rPr" }
        if let hidden = properties?.children.first(where: { $0.name == "vanish" }), Self.isOn(hidden) {
          return false
        }
        if let style = properties?.children.first(where: { $0.name == "rStyle" })?.attribute("val"),
          hiddenStyles[style] == true
        {
          return false
        }
        if let raised = properties?.children.first(where: { $0.name == "vertAlign" })?.attribute("val"),
          raised == "superscript" || raised == "subscript"
        {
          let plain = inner.children.filter { $0.name == "t" }.map(\.text).joined()
          if !plain.isEmpty {
            text += HTMLReader.raised(plain, raised == "superscript")
            return false
          }
        }
        return true
      default: return !Self.leftOut.contains(inner.name)
      }
      return ["p", "tr", "tc"].contains(inner.name)
    }
    return text
  }

  private func note(_ kind: String, _ reference: XMLNode) -> String {
    notes["\(kind) \(reference.attribute("id") ?? "")"].map { " (\($0))" } ?? ""
  }

  /// A property without a value is on.
  private static func isOn(_ property: XMLNode) -> Bool {
    !["0", "false", "off"].contains(property.attribute("val") ?? "1")
  }

  private static func folded(_ text: String) -> String {
    text.split { $0.isWhitespace }.joined(separator: " ")
  }
}
