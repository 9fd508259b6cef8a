/// A document's extracted text and its structure.
package struct ParsedDocument: Sendable, Equatable {
  package struct Block: Sendable, Equatable {
    package enum Kind: Sendable, Equatable { case heading, prose, code }
    package var kind: Kind
    /// UTF-8 byte range in `text`.
    package var range: Range<Int>
    /// Titles of the headings above, outermost first.
    package var headingPath: [String]

    package init(kind: Kind, range: Range<Int>, headingPath: [String]) {
      self.kind = kind
      self.range = range
      self.headingPath = headingPath
    }
  }

  /// What citations' offsets count in; equal to the source for plain text.
  package var text: [UInt8]
  package var blocks: [Block]
  /// The first top-level heading, empty without one.
  package var title: String

  package init(text: [UInt8], blocks: [Block], title: String) {
    self.text = text
    self.blocks = blocks
    self.title = title
  }
}

/// What a document is made of.
package enum MediaType: String, Sendable, CaseIterable {
  case plainText = "text/plain"
  case markdown = "text/markdown"

  /// By declaration (parameters such as `charset` are ignored), else by content.
  ///
  /// - Returns: nil for a declared type that can't be read.
  package static func detect(declared: String?, text: String) -> MediaType? {
    guard let declared, !declared.isEmpty else { return looksLikeMarkdown(text) ? .markdown : .plainText }
    let name = declared.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
    return name == "text/x-markdown" ? .markdown : MediaType(rawValue: name)
  }

  private static func looksLikeMarkdown(_ text: String) -> Bool {
    var signs = 0
    for line in text.split(separator: "\n", omittingEmptySubsequences: true).prefix(400) {
      if line.hasPrefix("```") || line.hasPrefix("~~~") { return true }
      let marks = line.prefix { $0 == "#" }.count
      if (1...6).contains(marks), line.dropFirst(marks).first == " " { signs += 2 }
      if line.hasPrefix("* ") || line.hasPrefix("- ") || line.contains("](") { signs += 1 }
      if signs >= 3 { return true }
    }
    return signs >= 2
  }
}

/// Takes a document's bytes apart.
package enum Parser {
  package static func parse(_ text: String, as type: MediaType) -> ParsedDocument {
    switch type {
    case .plainText: PlainText.parse(text)
    case .markdown: Markdown.parse(text)
    }
  }
}

enum PlainText {
  /// Blocks are separated by blank lines; the text is the source, byte for byte.
  static func parse(_ source: String) -> ParsedDocument {
    let text = Array(source.utf8)
    var blocks: [ParsedDocument.Block] = []
    var start: Int?
    var lineStart = 0
    var lastEnd = 0
    func isBlank(_ range: Range<Int>) -> Bool {
      text[range].allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
    }
    func close() {
      if let from = start, from < lastEnd {
        blocks.append(.init(kind: .prose, range: from..<lastEnd, headingPath: []))
      }
      start = nil
    }
    while lineStart < text.count {
      let lineEnd = text[lineStart...].firstIndex(of: 0x0A) ?? text.count
      if isBlank(lineStart..<lineEnd) {
        close()
      } else {
        if start == nil { start = lineStart }
        lastEnd = lineEnd
      }
      lineStart = lineEnd + 1
    }
    close()
    return ParsedDocument(text: text, blocks: blocks, title: "")
  }
}
