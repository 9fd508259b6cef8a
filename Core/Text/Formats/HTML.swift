import Parsing

/// Parses HTML with libxml2's tolerant parser. Markup is removed; headings form the heading path of the
/// blocks below. Scripts, styles, navigation and controls are left out.
enum HTML {
  private static let ignored: Set<String> = [
    "script", "style", "noscript", "template", "svg", "math", "nav", "head", "iframe", "object", "select",
    "button",
    "canvas", "audio", "video",
  ]
  private static let blocks: Set<String> = [
    "p", "div", "section", "article", "main", "header", "footer", "aside", "ul", "ol", "dl", "dt", "dd", "li",
    "blockquote", "table", "thead", "tbody", "tr", "figure", "figcaption", "address", "form", "fieldset",
    "details",
    "summary", "hr", "body", "html", "caption", "center",
  ]

  /// libxml2 compares each attribute of a tag with all attributes before it, which takes quadratic time.
  private static let tagWordsMax = 20_000

  /// - Throws: `ParsingError` for a tag with so many attributes that parsing would take minutes, and for
  ///   elements nested more than 256 deep.
  static func parse(_ source: String) throws(ParsingError) -> ParsedDocument {
    var words = 0
    var isInTag = false
    for byte in source.utf8 {
      if byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") {
        isInTag = byte == UInt8(ascii: "<")
        words = 0
      } else if isInTag, byte == 0x20 || byte == 0x0A || byte == 0x09 || byte == 0x0D {
        words += 1
        guard words <= tagWordsMax else {
          throw ParsingError(.tooComplex, rule: "must hold no tag of more than \(tagWordsMax) attributes")
        }
      }
    }
    guard let tree = HTMLTree(source) else {
      if source.allSatisfy(\.isWhitespace) { return ParsedDocument(text: [], blocks: [], title: "") }
      throw ParsingError(.tooComplex, rule: "must not nest elements more than 256 deep")
    }
    guard let root = tree.root else { return ParsedDocument(text: [], blocks: [], title: "") }
    var builder = Builder()
    withExtendedLifetime(tree) { builder.walk(root) }
    return ParsedDocument(
      text: builder.output.text, blocks: builder.output.blocks,
      title: builder.title.isEmpty ? builder.output.title : builder.title)
  }

  private struct Builder {
    var output = BlockBuilder()
    /// The text of the `title` element.
    var title = ""
    private var inline = ""
    /// Whether `inline` holds more than white space. Kept up to date, because a row may have a million empty
    /// cells and each would scan `inline` again.
    private var hasText = false
    private var preDepth = 0

    init() {}

    /// Walks the tree without recursion, so that nesting can't exhaust the stack.
    mutating func walk(_ root: HTMLNode) {
      defer { flush() }
      var node = root
      while true {
        if open(node), let child = node.child {
          node = child
          continue
        }
        close(node)
        while !node.isSame(as: root), node.next == nil {
          guard let parent = node.parent else { return }
          node = parent
          close(node)
        }
        guard !node.isSame(as: root), let next = node.next else { return }
        node = next
      }
    }

    /// - Returns: true if the node's children are to be read.
    private mutating func open(_ node: HTMLNode) -> Bool {
      if node.isText {
        let content = node.content
        inline += content
        hasText = hasText || content.contains(where: { !$0.isWhitespace })
      }
      guard node.isElement else { return false }
      let name = node.name
      if name == "head" { readTitle(node) }
      if ignored.contains(name) { return false }
      switch name {
      case "h1", "h2", "h3", "h4", "h5", "h6": flush()
      case "pre":
        flush()
        preDepth += 1
      case "br": inline += "\n"
      case "td", "th": if hasText { inline += " | " }
      default: if blocks.contains(name) { flush() }
      }
      return true
    }

    private mutating func close(_ node: HTMLNode) {
      guard node.isElement else { return }
      let name = node.name
      if ignored.contains(name) { return }
      switch name {
      case "h1", "h2", "h3", "h4", "h5", "h6":
        let text = Self.folded(takeInline())
        output.addHeading(text, level: Int(name.dropFirst()) ?? 1)
      case "pre":
        let text = takeInline()
        output.add(text, .code)
        preDepth -= 1
      default: if blocks.contains(name) { flush() }
      }
    }

    private mutating func readTitle(_ head: HTMLNode) {
      var child = head.child
      while let node = child {
        if node.isElement, node.name == "title", let text = node.child {
          title = BlockBuilder.cut(String(Self.folded(text.content).prefix(300)), bytesMax: 1200)
        }
        child = node.next
      }
    }

    private mutating func flush() {
      let text = takeInline()
      if preDepth > 0 { output.add(text, .code) } else { output.add(Self.folded(text), .prose) }
    }

    private mutating func takeInline() -> String {
      defer {
        inline = ""
        hasText = false
      }
      return inline
    }

    private static func folded(_ text: String) -> String {
      text.split { $0.isWhitespace }.joined(separator: " ")
    }
  }
}
