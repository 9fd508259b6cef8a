import Foundation

/// What a parser's child is asked to do with the bytes that follow.
package struct ParserRequest: Codable, Sendable, Equatable {
  package enum Work: String, Codable, Sendable {
    /// Bytes of any format but PDF: unpack, decode and parse them.
    case bytes
    /// Text in UTF-8 of the media type `type`.
    case text
    /// The output of pdftotext. Pages without text are taken from the pictures that were sent before.
    case pdfText
    /// A page of a PDF as a picture, a PGM file. The reply is empty.
    case picture
  }
  package var work: Work
  /// The declared type, or, for text, the type as which it is parsed. nil for none.
  package var type: MediaType?
  /// The declared encoding; empty for none.
  package var charset = ""
  /// Whether CSV has a header: "present", "absent", or empty to infer it.
  package var header = ""
  /// The page, from 0, whose picture follows.
  package var page = 0
  /// Whether `nav`, `aside`, `header` and `footer` of HTML are read wherever they are.
  package var readsMargins = false
  package var textBytesMax: Int
  /// About this many seconds after the request, a timer ends the child, even if its parent is gone.
  package var secondsMax: Int

  package init(
    _ work: Work, type: MediaType?, charset: String = "", header: String = "", _ limits: ParsingLimits
  ) {
    self.work = work
    self.type = type
    self.charset = charset
    self.header = header
    readsMargins = limits.readsMargins
    textBytesMax = limits.textBytesMax
    secondsMax = max(1, Int(limits.timeout.components.seconds))
  }
}
