/// A document's extracted text and its structure.
package struct ParsedDocument: Sendable, Equatable {
  /// A range of the text that is of one kind and under the same headings.
  package struct Block: Sendable, Equatable {
    /// `code` also stands for the tables of Markdown and PDF: each line of such a block is a unit.
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

  /// The extracted text in UTF-8; offsets in citations count its bytes. For plain text it is the source
  /// unchanged.
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
