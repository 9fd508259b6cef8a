import Foundation
import Parsing

/// Reads documents with the libraries of their formats. Only `millrace-parser` calls it, in a confined process.
package struct DocumentReader {
  /// Pages of the next PDF that were read by OCR, by page number from 0.
  private var recognised: [Int: PDFText.Page] = [:]

  package init() {}

  package mutating func reply(to request: ParserRequest, _ bytes: [UInt8]) -> ParserReply {
    do throws(ParsingError) {
      let reply = try answer(request, bytes)
      guard case .document(let document) = reply else { return reply }
      guard document.text.count <= request.textBytesMax else {
        throw ParsingError(
          .tooLong, rule: "must hold at most ingest.textBytesMax, \(request.textBytesMax) bytes of text")
      }
      guard (reply.parts?.head.count ?? .max) <= ParserReply.headBytesMax else {
        throw ParsingError(
          .tooComplex, rule: "must not consist of so many paragraphs, rows and headings")
      }
      return reply
    } catch {
      return .fault(error)
    }
  }

  private mutating func answer(_ request: ParserRequest, _ bytes: [UInt8]) throws(ParsingError) -> ParserReply
  {
    switch request.work {
    case .bytes: return try Self.read(bytes, request)
    case .text: return .document(try Self.parse(String(decoding: bytes, as: UTF8.self), request))
    case .pdfText:
      defer { recognised = [:] }
      return .document(try PDFText.parse(bytes, recognised: recognised).read(as: .pdf))
    case .picture:
      recognised[request.page] = try PagePicture.page(bytes)
      return .document(ParsedDocument(text: [], blocks: [], title: ""))
    }
  }

  private static func read(_ bytes: [UInt8], _ request: ParserRequest) throws(ParsingError) -> ParserReply {
    var content = bytes
    if MediaType.ofBytes(content) == .gzip {
      content = try Gzip.unpacked(content, bytesMax: request.textBytesMax)
      switch MediaType.ofBytes(content) {
      case .gzip: throw ParsingError(.unsupportedMediaType, rule: "must not be gzip within gzip")
      case .pdf: return .pdf(content)
      default: break
      }
      if let name = MediaType.unsupported(content) { throw ParsingError.unsupported(name) }
    }
    if MediaType.isArchive(content) {
      return .document(try Office.parse(content, textBytesMax: request.textBytesMax))
    }
    let text = try TextEncoding.decode(
      content, declared: request.charset.isEmpty ? charsetInMarkup(content) : request.charset)
    return .document(try parse(text, request))
  }

  private static func parse(_ text: String, _ request: ParserRequest) throws(ParsingError) -> ParsedDocument {
    guard text.utf8.count <= request.textBytesMax else {
      throw ParsingError(
        .tooLong, rule: "must hold at most ingest.textBytesMax, \(request.textBytesMax) bytes of text")
    }
    try MarkRuns.check(text)
    switch MediaType.ofText(text, declared: request.type) {
    case .markdown: return try Markdown.parse(text).read(as: .markdown)
    case .html: return try HTML.parse(text, isWhole: request.readsMargins).read(as: .html)
    case .csv:
      return SeparatedValues.parse(text, isTabbed: false, hasHeader: hasHeader(request)).read(as: .csv)
    case .tsv:
      return SeparatedValues.parse(text, isTabbed: true, hasHeader: hasHeader(request)).read(as: .csv)
    case .log: return PlainText.parse(text, isLog: true)
    case .plainText, .pdf, .gzip, .docx, .xlsx, .epub: return PlainText.parse(text).read(as: .text)
    }
  }

  private static func hasHeader(_ request: ParserRequest) -> Bool? {
    switch request.header {
    case "present": true
    case "absent": false
    default: nil
    }
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
