import Records

/// A document's extracted text and its structure.
package struct ParsedDocument: Sendable, Equatable {
  /// A range of the text that is of one kind and under the same headings.
  package struct Block: Sendable, Equatable {
    /// In `code`, each line is a unit. A `row` is one row of a table, with its cells separated by " | " or, in CSV, by
    /// the file's own delimiter.
    package enum Kind: Sendable, Equatable { case heading, prose, code, row }
    package var kind: Kind
    /// UTF-8 byte range in `text`.
    package var range: Range<Int>
    /// Titles of the headings above, outermost first.
    package var headingPath: [String]
    /// What the text itself does not say: a row's column names, the length of a numbered list. Embedded with the text,
    /// not a part of it.
    package var context: String

    package init(kind: Kind, range: Range<Int>, headingPath: [String], context: String = "") {
      self.kind = kind
      self.range = range
      self.headingPath = headingPath
      self.context = context
    }
  }

  /// The extracted text in UTF-8; offsets in citations count its bytes. For plain text it is the source
  /// unchanged.
  package var text: [UInt8]
  package var blocks: [Block]
  /// The first top-level heading, empty without one.
  package var title: String

  /// What the document says about itself, for example in the front matter of a page.
  package var metadata: [String: MetadataValue] = [:]

  package var format = DocumentFormat.text
  /// The number of pages of a PDF; 0 for other formats.
  package var pageCount = 0
  /// The pages of a PDF that hold no text, from 0.
  package var pagesWithoutText: [Int] = []
  /// Warnings for the document's owner about how it was read.
  package var warnings: [String] = []

  package init(text: [UInt8], blocks: [Block], title: String) {
    self.text = text
    self.blocks = blocks
    self.title = title
  }

  /// The same document, of this format.
  package func read(as format: DocumentFormat) -> ParsedDocument {
    var document = self
    document.format = format
    return document
  }
}
