import Foundation
import Parsing
import Records
import TestSupport
import Testing

// Goal: scanned pages are read if OCR is on and installed; otherwise an error or a warning names them. Method:
// Tests/Files/scan.pdf, which has two pages of the handbook as pictures, alone and behind pages with text.

@Suite struct OCRTests {
  private static let on = OCR.on(languages: "eng", timeout: .seconds(300))
  private static let isInstalled =
    (try? ParsingTests.programs.ocrFault(languages: "eng") ?? "") == ""

  private func scan() throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: Checkout.path + "/Tests/Files/scan.pdf")))
  }

  /// A PDF with two pages of text, then the two scanned pages.
  private func mixed() throws -> [UInt8] {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("mixed-\(UUID().uuidString).pdf")
      .path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/pdfunite")
    process.arguments = [
      Checkout.path + "/Workers/Millrace/Demo/handbook/radio.pdf", Checkout.path + "/Tests/Files/scan.pdf",
      path,
    ]
    try process.run()
    process.waitUntilExit()
    return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  private func parse(_ bytes: [UInt8], _ ocr: OCR) throws(ParsingError) -> ParsedDocument {
    try Parser(ParsingTests.limits, ParsingTests.programs, ocr: ocr).parse(bytes, declared: "", scope: "t")
  }

  private func text(_ document: ParsedDocument) -> String { String(decoding: document.text, as: UTF8.self) }

  @Test("without OCR a scan fails, and the error names the setting or the reason")
  func off() throws {
    let error = #expect(throws: ParsingError.self) { try parse(try scan(), .off) }
    #expect(error?.code == .noText && error?.rule.contains("ingest.ocr") == true, "\(error.debugDescription)")
    let missing = #expect(throws: ParsingError.self) {
      try parse(try scan(), .missing(reason: "no tesseract"))
    }
    #expect(missing?.code == .noText && missing?.rule.contains("no tesseract") == true)
    let half = try parse(try mixed(), .off)
    #expect(half.format == .pdf && text(half).contains("channel 7 by day"))
    #expect(half.warnings.count == 1 && half.warnings[0].contains("pages 3, 4 of the 4"), "\(half.warnings)")
    #expect(try ParsingTests.programs.ocrFault(languages: "xx_none") != nil)
  }

  @Test(
    "scanned pages are read in the sandbox, and a warning says so",
    .enabled(if: isInstalled, "no tesseract here"))
  func on() throws {
    let scan = try parse(try scan(), Self.on)
    #expect(scan.format == .scan)
    for words in [
      "Dispatch uses channel 7 by day and channel 11 at night.", "works for 14 hours on one charge",
    ] {
      #expect(text(scan).contains(words), "\(text(scan))")
    }
    #expect(
      scan.warnings.contains { $0.contains("pages 1, 2 of the 2") && $0.contains("OCR") }, "\(scan.warnings)")
    let mixed = try parse(try mixed(), Self.on)
    #expect(
      mixed.format == .pdf && text(mixed).split(separator: "channel 7 by day").count == 3, "\(text(mixed))")
    #expect(mixed.warnings.contains { $0.contains("pages 3, 4 of the 4") }, "\(mixed.warnings)")
    let plain = Array(
      try Data(contentsOf: URL(fileURLWithPath: Checkout.path + "/Workers/Millrace/Demo/handbook/radio.pdf")))
    #expect(try parse(plain, Self.on).warnings.isEmpty, "a PDF with text needs no OCR")
  }

  @Test("OCR has a time limit of its own", .enabled(if: isInstalled, "no tesseract here"))
  func late() throws {
    let error = #expect(throws: ParsingError.self) {
      try parse(try scan(), .on(languages: "eng", timeout: .milliseconds(300)))
    }
    #expect(
      error?.code == .ocrTimeout && error?.rule.contains("ingest.ocrTimeout") == true,
      "\(error.debugDescription)")
    // The text of the other pages is kept when OCR takes too long.
    let mixed = try parse(try mixed(), .on(languages: "eng", timeout: .milliseconds(300)))
    #expect(text(mixed).contains("channel 7 by day"))
    #expect(
      mixed.warnings.contains { $0.contains("pages 3, 4") && $0.contains("ingest.ocrTimeout") },
      "\(mixed.warnings)")
  }

  @Test("the header of a picture is checked without its pixels, and invalid ones are refused")
  func heads() {
    let whole = PortableGraymap(Array("P5\n2 3\n255\nabcdef".utf8)[...])
    #expect(whole?.width == 2 && whole?.height == 3 && whole?.range == 11..<17)
    for text in [
      "", "P5", "P5\n2 3\n255", "P4\n2 3\n255\n", "P5\n-2 3\n255\n", "P5\n2 99999999999999999999\n255\n",
      "P5\n9000 9000\n255\n", "P5\n2 3\n65535\n", "P5\n0 3\n255\n",
    ] { #expect(PortableGraymap(Array(text.utf8)[...]) == nil, "\(text)") }
  }

  @Test("the margins of an HTML page are read only if the limits say so")
  func margins() throws {
    let page = "<html><body><aside>Gate code 4417</aside><main><p>Visitors wait.</p></main></body></html>"
    var limits = ParsingTests.limits
    #expect(
      try !text(Parser(limits, ParsingTests.programs).parse(page, declared: "text/html", scope: "t"))
        .contains("4417"))
    limits.readsMargins = true
    #expect(
      try text(Parser(limits, ParsingTests.programs).parse(page, declared: "text/html", scope: "t")).contains(
        "4417"))
  }
}
