/// The formats that have a reader.
package enum DocumentFormat: String, Sendable, Codable, CaseIterable {
  case text, markdown, html, csv, pdf, docx, xlsx, epub
  /// A PDF whose pages are images, read by OCR.
  case scan
}
