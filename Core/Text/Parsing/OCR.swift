/// Whether pages of a PDF that hold no text are read by character recognition.
package enum OCR: Sendable, Equatable {
  case off
  /// OCR is wanted, but not available.
  case missing(reason: String)
  /// - languages: the languages of tesseract's data, "eng+deu".
  /// - timeout: the limit for all pages of a document.
  case on(languages: String, timeout: Duration)
}
