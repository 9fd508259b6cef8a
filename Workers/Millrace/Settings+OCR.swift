import Parsing
import Settings

extension Settings.Ingest {
  /// Whether scanned pages are read with OCR, as `ingest.ocr` says, or why they can't be: the program or its data is
  /// missing.
  func ocr(_ programs: ParserPrograms) -> OCR {
    guard isOCRWanted else { return .off }
    let fault: String?
    do { fault = try programs.ocrFault(languages: ocrLanguages) } catch { fault = "\(error)" }
    guard let fault else { return .on(languages: ocrLanguages, timeout: ocrTimeout) }
    return .missing(reason: fault)
  }
}
