import Foundation
import Sandbox

/// The programs that read documents, and whether they must be confined.
package struct ParserPrograms: Sendable {
  /// Whether a worker may run where no seccomp filter can be set.
  package enum Confinement: Sendable { case required, unconfined }

  /// `millrace-parser`.
  package var reader: String
  /// The library that is preloaded into `pdftotext` and `pdftoppm`, and confines them.
  package var preload: String
  package var pdftotext = "/usr/bin/pdftotext"
  package var pdftoppm = "/usr/bin/pdftoppm"
  package var confinement: Confinement

  package init(reader: String, preload: String, confinement: Confinement) {
    self.reader = reader
    self.preload = preload
    self.confinement = confinement
  }

  /// The programs that are installed with `executable`: the reader beside it, the library beside it or in `../lib`.
  package init(besides executable: URL, confinement: Confinement) {
    let folder = executable.deletingLastPathComponent()
    let library = "libmillrace-sandbox.so"
    let installed = folder.deletingLastPathComponent().appendingPathComponent("lib/\(library)").path
    let built = folder.appendingPathComponent(library).path
    self.init(
      reader: folder.appendingPathComponent("millrace-parser").path,
      preload: FileManager.default.fileExists(atPath: built) ? built : installed, confinement: confinement)
  }

  /// Tests both kinds of confinement from inside: for each, it starts the reader, which tries what no parser may do.
  ///
  /// - Throws: `SandboxError.notStarted`, which says what is missing. In `.unconfined`, only if the reader itself can't
  ///   run.
  package func check() throws(SandboxError) {
    let limits = ParsingLimits(timeout: .seconds(10), memoryBytesMax: 1 << 30, textBytesMax: 1 << 20)
    // The reader confines itself. In the second run it is treated like `pdftotext`: the preloaded library confines it.
    for isPreloaded in [false, true] where confinement == .required || !isPreloaded {
      let process = try SandboxedProcess(program(isPreloaded, ["--probe"], limits), input: .file([]))
      let deadline = ContinuousClock.now + limits.timeout
      var output: [UInt8] = []
      while true {
        let bytes = try process.read(atMost: 1 << 16, until: deadline)
        if bytes.isEmpty { break }
        output += bytes
      }
      let ending = try process.finish(until: deadline)
      guard ending.status == 0, let tries = try? JSONDecoder().decode([String: Int].self, from: Data(output))
      else {
        throw .notStarted("\(reader) can't be confined: \(ending.complaint)")
      }
      guard confinement == .required else { continue }
      if let allowed = tries.filter({ $0.value == 0 }).keys.sorted().first {
        throw .notStarted("\(isPreloaded ? preload : reader) does not confine: '\(allowed)' is allowed")
      }
    }
  }

  /// Tries to load tesseract with the data of some languages.
  ///
  /// - Returns: what is missing; nil when pictures can be read.
  package func ocrFault(languages: String) throws(SandboxError) -> String? {
    let limits = ParsingLimits(timeout: .seconds(10), memoryBytesMax: 1 << 30, textBytesMax: 1 << 20)
    guard FileManager.default.isExecutableFile(atPath: pdftoppm) else {
      return "pdftoppm is missing (apt-get install poppler-utils)"
    }
    let process = try SandboxedProcess(
      program(false, ["--ocr", languages, "--probe"], limits), input: .file([]))
    let deadline = ContinuousClock.now + limits.timeout
    var output: [UInt8] = []
    while case let bytes = try process.read(atMost: 1 << 16, until: deadline), !bytes.isEmpty {
      output += bytes
    }
    let ending = try process.finish(until: deadline)
    guard ending.status == 0 else {
      return "\(ending.complaint) (apt-get install tesseract-ocr and a package of each language)"
    }
    guard confinement == .required else { return nil }
    let tries = (try? JSONDecoder().decode([String: Int].self, from: Data(output))) ?? ["answer": 0]
    return tries.first { $0.value == 0 }.map {
      "with tesseract the reader is not confined: '\($0.key)' is allowed"
    }
  }

  /// A child that reads pictures of pages.
  func recognising(_ limits: ParsingLimits, languages: String) -> SandboxedProgram {
    program(false, ["--ocr", languages], limits)
  }

  /// `pdftoppm`, which draws a range of pages in gray. Pages are counted from 0.
  func drawing(_ limits: ParsingLimits, pages: ClosedRange<Int>) -> SandboxedProgram {
    var program = program(true, [], limits)
    program.path = pdftoppm
    // Scale the longer side of a page to 3508 pixels: A4 at 300 dots per inch.
    program.arguments = [
      "-q", "-gray", "-scale-to", "3508", "-f", "\(pages.lowerBound + 1)", "-l", "\(pages.upperBound + 1)",
      "-",
    ]
    return program
  }

  /// - Parameter isPreloaded: true for a program that isn't ours, or that is treated like one.
  private func program(_ isPreloaded: Bool, _ arguments: [String], _ limits: ParsingLimits)
    -> SandboxedProgram
  {
    var program = SandboxedProgram(
      path: reader, arguments: isPreloaded ? arguments + ["--preloaded"] : arguments,
      memoryBytesMax: limits.memoryBytesMax,
      processorSecondsMax: max(1, Int(limits.timeout.components.seconds)),
      isFiltered: confinement == .required)
    if isPreloaded, confinement == .required { program.environment = ["LD_PRELOAD=\(preload)"] }
    if !isPreloaded, confinement == .unconfined { program.arguments.append("--unconfined") }
    return program
  }

  /// The program of a child that serves up to `documentsMax` documents.
  func reading(_ limits: ParsingLimits, documentsMax: Int) -> SandboxedProgram {
    var program = program(false, [], limits)
    program.processorSecondsMax *= documentsMax
    return program
  }

  /// `pdftotext`, for a PDF at its standard input.
  func readingPDF(_ limits: ParsingLimits) -> SandboxedProgram {
    var program = program(true, [], limits)
    program.path = pdftotext
    program.arguments = ["-q", "-bbox-layout", "-enc", "UTF-8", "-", "-"]
    return program
  }
}
