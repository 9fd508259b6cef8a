import Parsing

/// Reads HTML as a browser does (gumbo), without what a browser does not show. Headings form the heading path of the
/// blocks below; a row of a table is a block with its header as context; items of ordered lists keep their numbers.
enum HTML {
  /// - Parameters:
  ///   - isWhole: reads `nav`, `aside`, `header` and `footer` wherever they are. Otherwise those outside of `main` and
  ///     `article` are left out, if the page has one.
  ///   - styles: the rules of style sheets outside of the page.
  ///   - hasNotes: the source was rendered from Markdown: its footnotes are read where they are used.
  /// - Throws: `ParsingError` for a tag with too many attributes and for elements nested too deeply.
  static func parse(
    _ source: String, isWhole: Bool = false, hasNotes: Bool = false, styles: HTMLVisibility? = nil
  ) throws(ParsingError) -> ParsedDocument {
    // XHTML: an empty `script` or `title` would swallow the page.
    let source = source.prefix(200).contains("<?xml") ? Book.withEndTags(source) : source
    try HTMLLimits.check(source)
    guard let tree = HTMLTree(source) else {
      throw ParsingError(.parserMemory, rule: "must be readable within ingest.parserMemoryBytesMax")
    }
    guard let root = tree.root else { return ParsedDocument(text: [], blocks: [], title: "") }
    var reader = HTMLReader(root, isWhole: isWhole, hasNotes: hasNotes, styles: styles)
    withExtendedLifetime(tree) { reader.read(root) }
    return ParsedDocument(
      text: reader.output.text, blocks: reader.output.blocks,
      title: reader.title.isEmpty ? reader.output.title : reader.title)
  }
}
