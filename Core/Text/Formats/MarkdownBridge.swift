internal import CCMark
import Parsing

/// Parses GitHub's Markdown with cmark-gfm. Markup is removed; headings form the heading path of the blocks
/// below.
enum Markdown {
  static func parse(_ source: String) -> ParsedDocument {
    cmark_gfm_core_extensions_ensure_registered()
    guard let parser = unsafe cmark_parser_new(CMARK_OPT_DEFAULT) else { return PlainText.parse(source) }
    defer { unsafe cmark_parser_free(parser) }
    for name in ["table", "strikethrough", "tasklist"] {
      if let syntax = unsafe cmark_find_syntax_extension(name) {
        unsafe cmark_parser_attach_syntax_extension(parser, syntax)
      }
    }
    let bytes = Array(withoutFrontMatter(source).utf8)
    unsafe bytes.withUnsafeBytes { buffer in
      unsafe cmark_parser_feed(parser, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
    }
    guard let root = unsafe cmark_parser_finish(parser) else { return PlainText.parse(source) }
    defer { unsafe cmark_node_free(root) }
    var builder = Builder()
    unsafe builder.walk(root)
    return ParsedDocument(
      text: builder.output.text, blocks: builder.output.blocks, title: builder.output.title)
  }

  /// Drops YAML between `---` lines at the start: it belongs to the site generator, not to the text.
  private static func withoutFrontMatter(_ source: String) -> Substring {
    let text = source.hasPrefix("\u{FEFF}") ? source.dropFirst() : source[...]
    guard text.hasPrefix("---\n") || text.hasPrefix("---\r\n") else { return text }
    var rest = text.dropFirst(3).drop(while: { $0 != "\n" && $0 != "\r\n" }).dropFirst()
    for _ in 0..<500 {
      let line = rest.prefix { $0 != "\n" && $0 != "\r\n" }
      rest = rest[line.endIndex...].dropFirst()
      if line.trimmingPrefix(while: { $0 == " " }) == "---" { return rest }
      if rest.isEmpty { break }
    }
    return text
  }

  private struct Builder {
    var output = BlockBuilder()

    init() {}

    mutating func walk(_ root: OpaquePointer) {
      guard let iterator = unsafe cmark_iter_new(root) else { return }
      defer { unsafe cmark_iter_free(iterator) }
      while true {
        let event = unsafe cmark_iter_next(iterator)
        if event == CMARK_EVENT_DONE { return }
        guard event == CMARK_EVENT_ENTER, let node = unsafe cmark_iter_get_node(iterator) else { continue }
        let kind = unsafe String(cString: cmark_node_get_type_string(node))
        switch kind {
        case "heading":
          output.addHeading(unsafe inlineText(node), level: Int(unsafe cmark_node_get_heading_level(node)))
          unsafe cmark_iter_reset(iterator, node, CMARK_EVENT_EXIT)
        case "paragraph":
          output.add(unsafe number(node) + inlineText(node), .prose)
          unsafe cmark_iter_reset(iterator, node, CMARK_EVENT_EXIT)
        case "code_block": output.add(unsafe literal(node), .code)
        case "html_block": output.add(Self.withoutTags(unsafe literal(node)), .prose)
        case "table":
          output.add(unsafe tableText(node), .code)
          unsafe cmark_iter_reset(iterator, node, CMARK_EVENT_EXIT)
        default: break
        }
      }
    }

    /// `3. ` for the first paragraph of the third item in an ordered list, because users ask for steps by
    /// number.
    private func number(_ paragraph: OpaquePointer) -> String {
      guard unsafe cmark_node_previous(paragraph) == nil, let item = unsafe cmark_node_parent(paragraph),
        unsafe cmark_node_get_type(item) == CMARK_NODE_ITEM, let list = unsafe cmark_node_parent(item),
        unsafe cmark_node_get_list_type(list) == CMARK_ORDERED_LIST
      else { return "" }
      var number = Int(unsafe cmark_node_get_list_start(list))
      var before = unsafe cmark_node_previous(item)
      while let node = unsafe before {
        number += 1
        if number > 1000 { return "" }  // keeps the time linear for very long lists
        unsafe before = cmark_node_previous(node)
      }
      return "\(number). "
    }

    private func literal(_ node: OpaquePointer) -> String {
      unsafe cmark_node_get_literal(node).map { unsafe String(cString: $0) } ?? ""
    }

    /// The text of a node's inlines; line breaks in the source become spaces.
    private func inlineText(_ node: OpaquePointer) -> String {
      guard let iterator = unsafe cmark_iter_new(node) else { return "" }
      defer { unsafe cmark_iter_free(iterator) }
      var result = ""
      while true {
        let event = unsafe cmark_iter_next(iterator)
        if event == CMARK_EVENT_DONE { return result }
        guard event == CMARK_EVENT_ENTER, let inner = unsafe cmark_iter_get_node(iterator) else { continue }
        switch unsafe String(cString: cmark_node_get_type_string(inner)) {
        case "text", "code": result += unsafe literal(inner)
        case "softbreak", "linebreak": result += " "
        case "html_inline":
          if unsafe literal(inner).lowercased().hasPrefix("<br") { result += " " }
        default: break
        }
      }
    }

    /// One line per row, cells separated by ` | `.
    private func tableText(_ table: OpaquePointer) -> String {
      var lines: [String] = []
      var row = unsafe cmark_node_first_child(table)
      while let current = unsafe row {
        var cells: [String] = []
        var cell = unsafe cmark_node_first_child(current)
        while let inner = unsafe cell {
          cells.append(unsafe inlineText(inner))
          unsafe cell = cmark_node_next(inner)
        }
        lines.append(cells.joined(separator: " | "))
        unsafe row = cmark_node_next(current)
      }
      return lines.joined(separator: "\n")
    }

    /// Removes tags and comments from raw HTML inside Markdown; the text between tags stays.
    private static func withoutTags(_ html: String) -> String {
      var result = ""
      var rest = html[...]
      while let open = rest.firstIndex(of: "<") {
        result += rest[..<open]
        if rest[open...].hasPrefix("<!--") {
          guard let close = rest[open...].firstRange(of: "-->") else { return result }
          rest = rest[close.upperBound...]
        } else if let close = rest[open...].firstIndex(of: ">") {
          rest = rest[rest.index(after: close)...]
        } else {
          return result
        }
      }
      return result + rest
    }
  }
}
