/// Whether pages of a PDF that hold no text are read by character recognition.
package enum OCR: Sendable, Equatable {
  case off
  /// It is wanted, and can't be had.
  case missing(reason: String)
  /// - languages: of tesseract's data, "eng+deu".
  /// - timeout: for all pages of a document.
  case on(languages: String, timeout: Duration)
}
