internal import CCMark
import Foundation
import Parsing

/// Reads GitHub's Markdown: cmark-gfm renders it as HTML, and the HTML is read. So raw HTML, tables and lists in
/// Markdown are treated as in HTML.
enum Markdown {
  /// - Throws: `ParsingError`, as `HTML.parse`.
  static func parse(_ source: String) throws(ParsingError) -> ParsedDocument {
    let (front, text) = FrontMatter.split(source)
    guard let html = html(text) else { return PlainText.parse(source) }
    // In Markdown, elements such as `nav` and `header` are part of the document's own text.
    var document = try HTML.parse(html, isWhole: true, hasNotes: true)
    if let title = front.title { document.title = title }
    document.metadata = front.metadata
    return document
  }

  private static func html(_ text: Substring) -> String? {
    cmark_gfm_core_extensions_ensure_registered()
    let options = CMARK_OPT_UNSAFE | CMARK_OPT_FOOTNOTES
    guard let parser = unsafe cmark_parser_new(options) else { return nil }
    defer { unsafe cmark_parser_free(parser) }
    for name in ["table", "strikethrough", "tasklist"] {
      if let syntax = unsafe cmark_find_syntax_extension(name) {
        unsafe cmark_parser_attach_syntax_extension(parser, syntax)
      }
    }
    let bytes = Array(text.utf8)
    unsafe bytes.withUnsafeBytes { buffer in
      unsafe cmark_parser_feed(parser, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
    }
    guard let root = unsafe cmark_parser_finish(parser) else { return nil }
    defer { unsafe cmark_node_free(root) }
    let extensions = unsafe cmark_parser_get_syntax_extensions(parser)
    guard let rendered = unsafe cmark_render_html(root, options, extensions) else { return nil }
    defer { unsafe free(rendered) }
    return unsafe String(cString: rendered)
  }
}
