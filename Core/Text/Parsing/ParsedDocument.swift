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
