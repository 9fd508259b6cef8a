import Foundation
import Parsing
import Records
import Settings

/// Extracts the text of a document record according to the settings of ingest.
package struct DocumentParser: Sendable {
  private let settings: Settings.Ingest
  private let parser: Parser

  package init(_ settings: Settings.Ingest, _ programs: ParserPrograms, ocr: OCR) {
    self.settings = settings
    var limits = ParsingLimits(
      timeout: settings.parserTimeout, memoryBytesMax: settings.parserMemoryBytesMax,
      textBytesMax: settings.textBytesMax)
    limits.readsMargins = settings.readsMargins
    parser = Parser(limits, programs, ocr: ocr)
  }

  /// Parses a document. Blocks while child processes read it.
  ///
  /// - Throws: `FieldError`, which names the field that can't be read and the rule.
  package func parse(_ document: DocumentRecord) throws(FieldError) -> ParsedDocument {
    let declared = document.mediaType ?? ""
    // "*": the whole tenant may read it.
    let readers = document.acl.map { $0.sorted().joined(separator: "\n") } ?? "*"
    let scope = "\(document.key.tenant.rawValue)\n\(readers)"
    if case .uri(let uri) = document.content {
      throw FieldError(
        .unsupported, field: "uri", value: uri,
        rule: "is not fetched: send text or content_base64")
    }
    do throws(ParsingError) {
      if case .text(let text) = document.content {
        try checkLength(text.utf8.count)
        return try parser.parse(text, declared: declared, scope: scope)
      }
      guard case .base64(let encoded) = document.content, let data = Data(base64Encoded: encoded) else {
        throw ParsingError(.badValue, rule: "must be base64")
      }
      try checkLength(data.count)
      return try parser.parse(Array(data), declared: declared, scope: scope)
    } catch {
      var field = "content_base64"
      if case .text = document.content { field = "text" }
      if error.code == .unsupportedMediaType { field = "media_type" }
      var value = declared.isEmpty ? document.id.rawValue : declared
      if case .base64(let encoded) = document.content, Data(base64Encoded: encoded) == nil {
        value = String(encoded.prefix(40))
      }
      throw FieldError(error.code, field: field, value: value, rule: error.rule)
    }
  }

  private func checkLength(_ count: Int) throws(ParsingError) {
    let limit = settings.documentBytesMax
    guard count <= limit else {
      throw ParsingError(
        .tooLong, rule: "must be at most ingest.documentBytesMax, \(limit) bytes, not \(count)")
    }
  }
}
