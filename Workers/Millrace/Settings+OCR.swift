import Parsing
import Settings

extension Settings.Ingest {
  /// Whether pictures of pages are read, as `ocr` says, and why not where the program or its data is missing.
  func ocr(_ programs: ParserPrograms) -> OCR {
    guard isOCRWanted else { return .off }
    let fault: String?
    do { fault = try programs.ocrFault(languages: ocrLanguages) } catch { fault = "\(error)" }
    guard let fault else { return .on(languages: ocrLanguages, timeout: ocrTimeout) }
    return .missing(reason: fault)
  }
}
