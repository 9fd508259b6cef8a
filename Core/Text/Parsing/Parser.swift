import Records
import Foundation

/// Parses a document's bytes, whatever their format and encoding.
package struct Parser: Sendable {
  private let limits: ParsingLimits
  private let markup: MarkupReader?

  /// - Parameter markup: nil parses large markup in this process too; only for text that is known to be
  ///   harmless.
  package init(_ limits: ParsingLimits, markup: MarkupReader?) {
    self.limits = limits
    self.markup = markup
  }

  /// Blocks while child processes read binary formats and large markup.
  ///
  /// - Parameter declared: the media type as sent, empty for none. A binary format is recognised by its first
  ///   bytes, whatever is declared; `MediaType.ofText` decides between the text formats.
  /// - Throws: `ParsingError` for content that can't be parsed, or not within the limits.
  package func parse(_ bytes: [UInt8], declared: String) throws(ParsingError) -> ParsedDocument {
    let type = try Self.declaredType(declared)
    var content = bytes
    var limits = limits
    let start = ContinuousClock.now
    if MediaType.ofBytes(content) == .gzip {
      content = try ChildProcess.run(
        "gzip", ["-dc", "--", "{}"], input: content, limits: limits, outputBytesMax: limits.textBytesMax)
      limits.timeout = max(.seconds(1), limits.timeout - (ContinuousClock.now - start))
      if MediaType.ofBytes(content) == .gzip {
        throw ParsingError(.unsupportedMediaType, rule: "must not be gzip within gzip")
      }
    }
    if MediaType.ofBytes(content) == .pdf { return try pdf(content, limits) }
    if let name = MediaType.unsupported(content) {
      throw ParsingError(.unsupportedMediaType, rule: "is \(name): must be \(Self.known)")
    }
    if type == .pdf { throw ParsingError(.badPDF, rule: "is declared \(declared) but holds no %PDF mark") }
    let charset = MediaType.charset(declared)
    let text = try TextEncoding.decode(
      content, declared: charset.isEmpty ? Self.charsetInMarkup(content) : charset)
    return try parse(text, type, limits)
  }

  /// Parses text that is already decoded. Blocks while a child process reads large markup.
  ///
  /// - Throws: `ParsingError` for a binary or unknown media type, and for text that can't be parsed within
  ///   the limits.
  package func parse(_ text: String, declared: String) throws(ParsingError) -> ParsedDocument {
    let type = try Self.declaredType(declared)
    if type == .pdf || type == .gzip {
      throw ParsingError(.unsupportedMediaType, rule: "is \(declared): send it as content_base64")
    }
    return try parse(text, type, limits)
  }

  private static let known = MediaType.allCases.map(\.rawValue).joined(separator: ", ")

  private static func declaredType(_ declared: String) throws(ParsingError) -> MediaType? {
    if declared.isEmpty || declared.hasPrefix("application/octet-stream") { return nil }
    guard let type = MediaType.named(declared) else {
      throw ParsingError(.unsupportedMediaType, rule: "must be one of \(known)")
    }
    return type
  }

  private func parse(_ text: String, _ type: MediaType?, _ limits: ParsingLimits) throws(ParsingError)
    -> ParsedDocument
  {
    guard text.utf8.count <= limits.textBytesMax else {
      throw ParsingError(
        .tooLong, rule: "must hold at most ingest.textBytesMax, \(limits.textBytesMax) bytes of text")
    }
    let type = MediaType.ofText(text, declared: type)
    if let markup, type == .markdown || type == .html, text.utf8.count > MarkupReader.inPlaceBytesMax {
      return try markup.read(text, type, limits)
    }
    return switch type {
    case .markdown: Markdown.parse(text)
    case .html: try HTML.parse(text)
    case .plainText, .pdf, .gzip: PlainText.parse(text)
    }
  }

  private func pdf(_ bytes: [UInt8], _ limits: ParsingLimits) throws(ParsingError) -> ParsedDocument {
    // pdftotext repairs a damaged file without reporting what it lost. Half a document must not look like a
    // whole one.
    guard Data(bytes.suffix(2048)).range(of: Data("%%EOF".utf8)) != nil else {
      throw ParsingError(.badPDF, rule: "must be a whole PDF: it ends without %%EOF, so it was cut short")
    }
    let text: [UInt8]
    do throws(ParsingError) {
      text = try ChildProcess.run(
        "pdftotext", ["-q", "-layout", "-enc", "UTF-8", "{}", "-"], input: bytes, limits: limits,
        outputBytesMax: limits.textBytesMax)
    } catch {
      throw error.code == .unreadable ? ParsingError(.badPDF, rule: error.rule) : error
    }
    return PDFText.parse(String(decoding: text, as: UTF8.self))
  }

  /// The encoding that an HTML or XML text declares in its first 4 kB; empty for none.
  private static func charsetInMarkup(_ bytes: [UInt8]) -> String {
    let head = String(decoding: bytes.prefix(4096).map { $0 < 0x80 ? $0 : 0x3F }, as: UTF8.self).lowercased()
    let start = head.drop { $0.isWhitespace }
    guard start.hasPrefix("<") else { return "" }  // a text that only quotes markup declares nothing
    for (tag, mark) in [("<meta", "charset="), ("<?xml", "encoding=")] {
      var rest = start
      while let open = rest.range(of: tag) {
        let element = rest[open.lowerBound...].prefix { $0 != ">" }
        rest = rest[element.endIndex...]
        guard let range = element.range(of: mark) else { continue }
        let value = element[range.upperBound...].drop { $0 == "\"" || $0 == "'" || $0 == " " }
        let name = String(value.prefix { $0.isLetter || $0.isNumber || "-_:.".contains($0) })
        // The declaration was readable as ASCII, so the text is not UTF-16 or UTF-32, whatever it declares.
        return name.hasPrefix("utf-16") || name.hasPrefix("utf-32") ? "" : name
      }
    }
    return ""
  }
}
