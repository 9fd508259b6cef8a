/// Turns an HTML tree into blocks of text.
struct HTMLReader {
  private static let blocks: Set<String> = [
    "p", "div", "section", "article", "main", "header", "footer", "aside", "nav", "ul", "ol", "menu", "dir",
    "dl", "dt",
    "dd", "li", "blockquote", "table", "thead", "tbody", "tfoot", "tr", "td", "th", "figure", "figcaption",
    "address",
    "form", "fieldset", "legend", "details", "summary", "hr", "body", "html", "caption", "center", "dialog",
    "hgroup",
    "search", "option",
  ]
  private static let margins: Set<String> = ["nav", "aside", "header", "footer"]
  private static let superscripts: [Character: Character] = Dictionary(
    uniqueKeysWithValues: zip("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻"))
  private static let subscripts: [Character: Character] = Dictionary(
    uniqueKeysWithValues: zip("0123456789+-", "₀₁₂₃₄₅₆₇₈₉₊₋"))

  private struct List {
    var isOrdered: Bool
    var number: Int
    var step: Int
    var style: String
    var count: Int
  }

  var output = BlockBuilder()
  /// The text of the `title` element.
  private(set) var title = ""
  private let visibility: HTMLVisibility
  private let isWhole: Bool
  private let hasBody: Bool
  /// Footnotes by id.
  private var notes: [String: String] = [:]
  private var inline = ""
  /// Whether `inline` holds more than white space. Kept up to date, because an element may contain a million empty
  /// elements, each of which would scan `inline` again.
  private var hasText = false
  private var preDepth = 0
  private var bodyDepth = 0
  private var lists: [List] = []
  /// The number of a list item whose first block is not written yet.
  private var itemNumber = ""

  init(_ root: HTMLNode, isWhole: Bool, hasNotes: Bool, styles: HTMLVisibility?) {
    visibility = HTMLVisibility(root, after: styles)
    self.isWhole = isWhole
    var hasBody = false
    var notes: [HTMLNode] = []
    let visibility = visibility
    root.walk { node in
      let name = node.name
      if name == "main" || name == "article" { hasBody = hasBody || !visibility.isHidden(node, name) }
      if hasNotes, name == "li", let id = node.attribute("id"), id.hasPrefix("fn") { notes.append(node) }
      return true
    }
    self.hasBody = hasBody
    // Footnotes inside footnotes are not expanded: each could double the text.
    var texts: [String: String] = [:]
    for node in notes {
      let text = self.text(of: node).split(whereSeparator: \.isWhitespace)
      texts[node.attribute("id") ?? ""] = text.joined(separator: " ")
    }
    self.notes = texts
  }

  mutating func read(_ root: HTMLNode) {
    var node = root
    var isEntering = true
    while true {
      if isEntering {
        if open(node), let child = node.child {
          node = child
          continue
        }
      }
      if node.isElement { close(node) }
      if node.isSame(as: root) { break }
      if let next = node.next {
        node = next
        isEntering = true
      } else {
        guard let parent = node.parent else { break }
        node = parent
        isEntering = false
      }
    }
    flush()
  }

  /// - Returns: false for a node whose children must not be read, or have been read already.
  private mutating func open(_ node: HTMLNode) -> Bool {
    if node.isText {
      let content = node.content
      inline += content
      hasText = hasText || content.contains { !$0.isWhitespace }
      return false
    }
    let name = node.name
    if name == "head" { readTitle(node) }
    if name.isEmpty || isLeftOut(node, name) { return false }
    switch name {
    case "h1", "h2", "h3", "h4", "h5", "h6": flush()
    case "button": append(" ")
    case "main", "article":
      flush()
      bodyDepth += 1
    case "pre", "listing", "plaintext", "xmp":
      flush()
      preDepth += 1
    case "br": inline.append(preDepth > 0 ? "\n" : Self.lineBreak)
    case "wbr": break
    case "q": append("“")
    case "select":
      // A closed list shows the selected option only.
      for option in node.children where option.name == "option" && option.attribute("selected") != nil {
        append(text(of: option))
      }
      return false
    case "input":
      // The check box of a task list item.
      if node.attribute("type")?.lowercased() == "checkbox" {
        append(node.attribute("checked") == nil ? "[ ] " : "[x] ")
      }
      return false
    case "math":
      append(MathReader.text(of: node))
      return false
    case "sup":
      if let note = note(node) {
        append(" (\(note))")
      } else {
        append(Self.raised(text(of: node), Self.superscripts))
      }
      return false
    case "sub":
      append(Self.raised(text(of: node), Self.subscripts))
      return false
    case "ul", "ol", "menu", "dir":
      flush()
      open(list: node, isOrdered: name == "ol")
    case "li":
      flush()
      itemNumber = nextNumber(node)
    case "table":
      flush()
      if let grid = grid(node) {
        for caption in node.children
        where caption.name == "caption" && !visibility.isHidden(caption, "caption") {
          output.add(Self.folded(text(of: caption)), .prose)
        }
        output.add(grid)
        return false
      }
    default: if Self.blocks.contains(name) || visibility.isBlock(node, name) { flush() }
    }
    return true
  }

  private mutating func close(_ node: HTMLNode) {
    let name = node.name
    if name.isEmpty || isLeftOut(node, name) { return }
    switch name {
    case "h1", "h2", "h3", "h4", "h5", "h6":
      // If a list item begins with a heading, the heading gets the item's number.
      let text = Self.folded(takeInline())
      output.addHeading(text.isEmpty ? "" : itemNumber + text, level: Int(name.dropFirst()) ?? 1)
      if !text.isEmpty { itemNumber = "" }
    case "button": append(" ")
    case "main", "article":
      flush()
      bodyDepth -= 1
    case "pre", "listing", "plaintext", "xmp":
      let text = takeInline()
      if text.contains(where: { !$0.isWhitespace }) {
        output.add(itemNumber + text, .code)
        itemNumber = ""
      }
      preDepth -= 1
    case "q": append("”")
    case "ul", "ol", "menu", "dir":
      flush()
      if !lists.isEmpty { lists.removeLast() }
    case "li":
      flush()
      itemNumber = ""
    default: if Self.blocks.contains(name) || visibility.isBlock(node, name) { flush() }
    }
  }

  private func isLeftOut(_ node: HTMLNode, _ name: String) -> Bool {
    if visibility.isHidden(node, name) { return true }
    if name == "section", !notes.isEmpty, node.attribute("class") == "footnotes" { return true }
    guard Self.margins.contains(name), bodyDepth == 0, !isWhole else { return false }
    return hasBody
  }

  private func note(_ node: HTMLNode) -> String? {
    guard !notes.isEmpty, node.attribute("class") == "footnote-ref" else { return nil }
    return node.child?.attribute("href").flatMap { notes[String($0.dropFirst())] }
  }

  private mutating func readTitle(_ head: HTMLNode) {
    for node in head.children where node.name == "title" {
      title = BlockBuilder.cut(String(Self.folded(node.child?.content ?? "").prefix(300)), bytesMax: 1200)
    }
  }

  private mutating func append(_ text: String) {
    inline += text
    hasText = hasText || text.contains { !$0.isWhitespace }
  }

  private mutating func flush() {
    guard hasText else {
      if preDepth == 0 { inline = "" }
      return
    }
    let text = takeInline()
    let number = itemNumber
    itemNumber = ""
    if preDepth > 0 {
      output.add(number + text, .code)
      return
    }
    let lines = text.split(separator: Self.lineBreak).map { Self.folded(String($0)) }.filter { !$0.isEmpty }
    if number.isEmpty, Self.areLines(lines) {
      output.add(lines.joined(separator: "\n"), .code)
    } else {
      output.add(number + lines.joined(separator: " "), .prose, context: listContext)
    }
  }

  /// Stands for `br` until the text of a block is written: other line breaks in the source are spaces.
  private static let lineBreak: Character = "\u{2028}"

  /// Whether lines that `br` separates are lines to a reader too (opening hours, an address), rather than one wrapped
  /// text.
  private static func areLines(_ lines: [String]) -> Bool {
    guard lines.count > 1, lines.allSatisfy({ $0.count <= 80 }) else { return false }
    return lines.dropFirst().allSatisfy { $0.first?.isLowercase != true }
  }

  private mutating func takeInline() -> String {
    defer {
      inline = ""
      hasText = false
    }
    return inline
  }

  // MARK: lists

  private mutating func open(list node: HTMLNode, isOrdered: Bool) {
    let count = isOrdered ? node.children.filter { $0.name == "li" }.count : 0
    let isReversed = node.attribute("reversed") != nil
    let start = node.attribute("start").flatMap(Self.number) ?? (isReversed ? count : 1)
    let styles = [
      "none": "", "lower-alpha": "a", "lower-latin": "a", "upper-alpha": "A", "upper-latin": "A",
      "lower-roman": "i",
      "upper-roman": "I", "decimal": "1", "disc": "", "circle": "", "square": "",
    ]
    let style = visibility.listStyle(node).flatMap { styles[$0] } ?? node.attribute("type") ?? "1"
    lists.append(
      List(
        isOrdered: isOrdered && !style.isEmpty, number: start, step: isReversed ? -1 : 1, style: style,
        count: count))
  }

  private mutating func nextNumber(_ item: HTMLNode) -> String {
    guard var list = lists.popLast() else { return "" }
    defer { lists.append(list) }
    guard list.isOrdered else { return "" }
    if let value = item.attribute("value").flatMap(Self.number) { list.number = value }
    defer { list.number += list.step }
    switch list.style {
    case "a": return Self.letters(list.number) + ". "
    case "A": return Self.letters(list.number).uppercased() + ". "
    case "i": return Self.roman(list.number).lowercased() + ". "
    case "I": return Self.roman(list.number) + ". "
    default: return "\(list.number). "
    }
  }

  private var listContext: String {
    guard let list = lists.last, list.isOrdered else { return "" }
    return "numbered list of \(list.count)"
  }

  /// Parses the number in an attribute; nil beyond a billion, so that counting from it can't overflow.
  private static func number(_ text: String) -> Int? {
    Int(text.filter { !$0.isWhitespace }).flatMap { (-1_000_000_000...1_000_000_000).contains($0) ? $0 : nil }
  }

  static func letters(_ number: Int) -> String {
    guard number > 0 else { return "\(number)" }
    var (rest, letters) = (number, "")
    while rest > 0 {
      let letter = UInt8(ascii: "a") + UInt8((rest - 1) % 26)
      letters = String(UnicodeScalar(letter)) + letters
      rest = (rest - 1) / 26
    }
    return letters
  }

  static func roman(_ number: Int) -> String {
    guard (1...3999).contains(number) else { return "\(number)" }
    let values = [
      (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
      (10, "X"),
      (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
    ]
    var (rest, text) = (number, "")
    for (value, letters) in values {
      while rest >= value {
        text += letters
        rest -= value
      }
    }
    return text
  }

  // MARK: tables

  /// - Returns: nil for a table without rows, and for one that only arranges the page: it has tables or headings in its
  ///   cells but no header of its own, or `role="presentation"`.
  private func grid(_ table: HTMLNode) -> TableGrid? {
    let role = table.attribute("role")
    if role == "presentation" || role == "none" { return nil }
    let arranging: Set<String> = [
      "table", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "form", "article", "section",
    ]
    var (isArranging, isData) = (false, false)
    var rows: [(node: HTMLNode, isHead: Bool)] = []
    var (isHead, isFirst) = (false, true)
    table.walk { node in
      let name = node.name
      if visibility.isHidden(node, name) && !name.isEmpty { return false }
      if arranging.contains(name), !node.isSame(as: table) {
        isArranging = true
        // The rows of a nested table become the text of its cell.
        return false
      }
      if name == "th" || name == "thead" { isData = true }
      if name == "thead" { isHead = true }
      if name == "tbody" || name == "tfoot" { isHead = false }
      if name == "tr" { rows.append((node, isHead)) }
      return true
    }
    if isArranging && !isData || rows.isEmpty { return nil }
    var grid = TableGrid()
    for (node, isInHead) in rows {
      let nodes = node.children.filter {
        ($0.name == "td" || $0.name == "th") && !visibility.isHidden($0, $0.name)
      }
      guard !nodes.isEmpty else { continue }
      let cells = nodes.map { cell in
        TableGrid.Cell(
          text: Self.folded(text(of: cell)),
          columns: cell.attribute("colspan").flatMap(Self.number) ?? 1,
          rows: cell.attribute("rowspan").flatMap(Self.number) ?? 1)
      }
      let isHeader =
        isInHead
        || nodes.allSatisfy { $0.name == "th" } && nodes.count > 1
        || isFirst && rows.count > 2 && nodes.count > 1 && nodes.allSatisfy(isStrong)
      grid.append(cells, isHeader: isHeader)
      isFirst = false
    }
    grid.inferHeader()
    return grid
  }

  /// Whether a cell holds nothing but bold text.
  private func isStrong(_ cell: HTMLNode) -> Bool {
    let children = cell.children.filter { !$0.isText || $0.content.contains { !$0.isWhitespace } }
    return children.count == 1 && ["b", "strong"].contains(children[0].name)
  }

  /// The visible text below a node, with spaces between blocks.
  private func text(of node: HTMLNode) -> String {
    var text = ""
    node.walk { inner in
      if inner.isText {
        text += inner.content
        return false
      }
      let name = inner.name
      if name.isEmpty || visibility.isHidden(inner, name) { return false }
      switch name {
      // The link from a footnote back to its reference.
      case "a" where inner.attribute("class") == "footnote-backref": return false
      case "sup" where !inner.isSame(as: node):
        text += note(inner).map { " (\($0))" } ?? Self.raised(self.text(of: inner), Self.superscripts)
        return false
      case "sub" where !inner.isSame(as: node):
        text += Self.raised(self.text(of: inner), Self.subscripts)
        return false
      case "br": text += " "
      case "math":
        text += MathReader.text(of: inner)
        return false
      case "tr" where !inner.isSame(as: node): text += text.contains { !$0.isWhitespace } ? "; " : " "
      case "td", "th":
        if !inner.isSame(as: node) {
          let isFirst = text.last { !$0.isWhitespace }.map { $0 == ";" } ?? true
          text += isFirst ? " " : ", "
        }
      case "input":
        if inner.attribute("type")?.lowercased() == "checkbox" {
          text += inner.attribute("checked") == nil ? "[ ] " : "[x] "
        }
        return false
      case "li": text += text.contains { !$0.isWhitespace } ? "; " : " "
      default: if Self.blocks.contains(name) || visibility.isBlock(inner, name) { text += " " }
      }
      return true
    }
    return text
  }

  /// Turns digits into superscripts or subscripts, because 35² is not 352. Other text stays.
  private static func raised(_ text: String, _ forms: [Character: Character]) -> String {
    // Exponents are short. Without this limit, nested elements would scan the same text again and again.
    guard text.utf8.count <= 100 else { return text }
    let folded = folded(text)
    let characters = folded.compactMap { forms[$0] }
    return characters.count == folded.count ? String(characters) : text
  }

  static func raised(_ text: String, _ isUp: Bool) -> String {
    raised(text, isUp ? superscripts : subscripts)
  }

  /// Reduces white space to single spaces and removes soft hyphens.
  private static func folded(_ text: String) -> String {
    let folded = text.split { $0.isWhitespace }.joined(separator: " ")
    return folded.utf8.contains(0xAD) ? folded.replacing("\u{AD}", with: "") : folded
  }
}
