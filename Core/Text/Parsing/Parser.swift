import Foundation
import Records
import Sandbox

/// Parses a document's bytes, whatever their format and encoding. Libraries and programs that read formats run in
/// confined child processes; plain text in UTF-8 needs none.
package struct Parser: Sendable {
  private let limits: ParsingLimits
  private let programs: ParserPrograms
  private let ocr: OCR
  private let children = ParserChildren()

  package init(_ limits: ParsingLimits, _ programs: ParserPrograms, ocr: OCR = .off) {
    self.limits = limits
    self.programs = programs
    self.ocr = ocr
  }

  /// Blocks while child processes read.
  ///
  /// - Parameter scope: documents of one scope may share a child: those of one tenant that the same people may read.
  /// - Parameter declared: the media type as sent, empty for none. A binary format is recognised by its first bytes,
  ///   whatever is declared; `MediaType.ofText` decides between the text formats.
  /// - Throws: `ParsingError` for content that can't be parsed, or not within the limits.
  package func parse(_ bytes: [UInt8], declared: String, scope: String) throws(ParsingError)
    -> ParsedDocument
  {
    try checked(read(bytes, declared: declared, scope: scope))
  }

  /// Checks the extracted text for long runs of combining marks, which markup can hide from a check of the source.
  private func checked(_ document: ParsedDocument) throws(ParsingError) -> ParsedDocument {
    try MarkRuns.check(String(decoding: document.text, as: UTF8.self))
    return document
  }

  private func read(_ bytes: [UInt8], declared: String, scope: String) throws(ParsingError) -> ParsedDocument
  {
    let deadline = ContinuousClock.now + limits.timeout
    let type = try Self.declaredType(declared)
    if MediaType.ofBytes(bytes) == .pdf { return try pdf(bytes, scope, deadline) }
    if let name = MediaType.unsupported(bytes) { throw ParsingError.unsupported(name) }
    if let type, type.isBinary, type != .pdf, type != .gzip, !MediaType.isArchive(bytes) {
      throw ParsingError(.unreadable, rule: "is declared \(declared) but is no ZIP archive")
    }
    if type == .pdf, MediaType.ofBytes(bytes) == nil {
      throw ParsingError(.badPDF, rule: "is declared \(declared) but holds no %PDF mark")
    }
    let charset = MediaType.charset(declared)
    if let text = try Self.plainText(bytes, type, charset) { return try plain(text) }
    switch try ask(
      ParserRequest(
        .bytes, type: type, charset: charset, header: MediaType.parameter("header", of: declared), limits),
      bytes, scope, deadline)
    {
    case .document(let document): return document
    case .pdf(let content): return try pdf(content, scope, deadline)
    case .fault(let fault): throw fault
    }
  }

  /// Parses text that is already decoded. Blocks while a child process reads markup.
  ///
  /// - Throws: `ParsingError` for a binary or unknown media type, and for text that can't be parsed within the limits.
  package func parse(_ text: String, declared: String, scope: String) throws(ParsingError) -> ParsedDocument {
    let declaredType = try Self.declaredType(declared)
    try MarkRuns.check(text)
    if text.hasPrefix("{\\rtf") { throw ParsingError.unsupported("an RTF file: send it as DOCX") }
    if let declaredType, declaredType.isBinary {
      throw ParsingError(.unsupportedMediaType, rule: "is \(declared): send it as content_base64")
    }
    try checkLength(text.utf8.count)
    let type = MediaType.ofText(text, declared: declaredType)
    guard type != .plainText else { return try plain(text) }
    return try checked(
      document(
        .text, type, Array(text.utf8), scope, .now + limits.timeout,
        header: MediaType.parameter("header", of: declared)))
  }

  private static func declaredType(_ declared: String) throws(ParsingError) -> MediaType? {
    if declared.isEmpty || declared.hasPrefix("application/octet-stream") { return nil }
    guard let type = MediaType.named(declared) else {
      throw ParsingError(.unsupportedMediaType, rule: "must be one of \(MediaType.known)")
    }
    return type
  }

  /// - Returns: nil for bytes that a library must decode or parse.
  private static func plainText(_ bytes: [UInt8], _ type: MediaType?, _ charset: String) throws(ParsingError)
    -> String?
  {
    guard type == nil || type == .plainText, charset.isEmpty || charset.lowercased() == "utf-8",
      MediaType.ofBytes(bytes) == nil, !MediaType.isArchive(bytes), !bytes.starts(with: [0xEF, 0xBB, 0xBF]),
      let text = String(validating: bytes, as: UTF8.self)
    else { return nil }
    try MarkRuns.check(text)
    return MediaType.ofText(text, declared: type) == .plainText ? text : nil
  }

  private func plain(_ text: String) throws(ParsingError) -> ParsedDocument {
    try checkLength(text.utf8.count)
    return PlainText.parse(text)
  }

  private func checkLength(_ count: Int) throws(ParsingError) {
    guard count <= limits.textBytesMax else { throw tooLong }
  }

  private var tooLong: ParsingError {
    ParsingError(
      .tooLong, rule: "must hold at most ingest.textBytesMax, \(limits.textBytesMax) bytes of text")
  }

  private func document(
    _ work: ParserRequest.Work, _ type: MediaType?, _ bytes: [UInt8], _ scope: String,
    _ deadline: ContinuousClock.Instant, header: String = ""
  ) throws(ParsingError) -> ParsedDocument {
    switch try ask(ParserRequest(work, type: type, header: header, limits), bytes, scope, deadline) {
    case .document(let document): return document
    case .fault(let fault): throw fault
    case .pdf: throw ParsingError(.unreadable, rule: "must be readable: its reader answered with a PDF")
    }
  }

  /// Asks a child. If a used child fails, a fresh one gets the document, because an earlier document may be at fault.
  private func ask(
    _ request: ParserRequest, _ bytes: [UInt8], _ scope: String, _ deadline: ContinuousClock.Instant
  ) throws(ParsingError) -> ParserReply {
    var waiting = children.take(scope)
    do throws(SandboxError) {
      while true {
        let child: ParserChild
        let documents = waiting?.documents ?? 0
        if let used = waiting?.child {
          child = used
        } else {
          child = try ParserChild(programs.reading(limits, documentsMax: ParserChildren.documentsMax))
        }
        waiting = nil
        switch try child.answer(request, bytes, until: deadline) {
        case .reply(let reply):
          children.giveBack(child, scope, documents: documents + 1)
          // A child may reject a document, but not report a fault of this machine.
          if case .fault(let fault) = reply, fault.kind != .rejected { return .fault(Self.strange) }
          return reply
        case .strange:
          if documents == 0 { return .fault(Self.strange) }
        case .ended(let ending):
          if documents == 0 { return .fault(fault(ending, "the reader")) }
        }
      }
    } catch {
      throw fault(error)
    }
  }

  private static let strange = ParsingError(
    .unreadable, rule: "must be readable: its reader sent an invalid reply")

  private func fault(_ error: SandboxError) -> ParsingError {
    switch error {
    case .tookTooLong:
      ParsingError(
        .parserTimeout,
        rule: "must be readable within ingest.parserTimeout, \(limits.timeout.components.seconds) s")
    case .notStarted, .cancelled, .ended:
      ParsingError(.machineFault, rule: "can't be read at the moment: \(error)")
    }
  }

  private func fault(_ ending: SandboxedProcess.Ending, _ name: String) -> ParsingError {
    // 125: the reader or the preloaded library could not confine the process. 124: tesseract could not be loaded.
    if ending.status == 125 || ending.status == 124 { return fault(.notStarted(ending.complaint)) }
    // Each tool reports a lack of memory in its own words before it ends with abort() or exit().
    if ["alloc", "memory"].contains(where: ending.complaint.lowercased().contains) {
      return ParsingError(
        .parserMemory,
        rule:
          "must be readable within ingest.parserMemoryBytesMax, \(limits.memoryBytesMax) bytes (\(ending.complaint))"
      )
    }
    if let signal = ending.signal {
      switch Int32(signal) {
      case SIGXCPU, SIGALRM: return fault(.tookTooLong)
      // The limit on processor time also ends a process with SIGKILL, but the deadline passes first.
      case SIGKILL:
        return ParsingError(
          .parserMemory, rule: "must be readable: \(name) was killed, perhaps because memory ran out")
      case SIGSYS:
        return ParsingError(
          .unreadable, rule: "must be readable: \(name) was stopped at a forbidden system call")
      default: break
      }
      return ParsingError(
        .unreadable, rule: "must be readable: \(name) was ended by signal \(signal) (\(ending.complaint))")
    }
    return ParsingError(
      .unreadable,
      rule: "must be readable: \(name) ended with status \(ending.status ?? 0) (\(ending.complaint))")
  }

  private func pdf(_ bytes: [UInt8], _ scope: String, _ deadline: ContinuousClock.Instant)
    throws(ParsingError)
    -> ParsedDocument
  {
    // pdftotext repairs a damaged file without reporting what it lost. Half a document must not look like a whole one.
    guard Self.isWhole(pdf: bytes) else {
      throw ParsingError(
        .badPDF, rule: "must be a whole PDF: its end is missing, so it was cut short")
    }
    guard FileManager.default.isExecutableFile(atPath: programs.pdftotext) else {
      throw ParsingError(
        .parserUnavailable, rule: "can't be read here: pdftotext is missing (apt-get install poppler-utils)")
    }
    let output: PDFOutput
    do throws(SandboxError) { output = try self.output(ofPDF: bytes, until: deadline) } catch {
      throw fault(error)
    }
    switch output {
    case .text(let text):
      let parsed = try document(.pdfText, nil, text, scope, deadline)
      return try withPictures(parsed, pdf: bytes, text: text)
    case .tooLong: throw tooLong
    case .failed(let ending):
      // With `-q`, pdftotext does not say why it failed.
      if ending.status == 1, Data(bytes).range(of: Data("/Encrypt".utf8)) != nil {
        throw ParsingError(.badPDF, rule: "must not be encrypted: a password is needed to read it")
      }
      let fault = fault(ending, "pdftotext")
      throw fault.code == .unreadable ? ParsingError(.badPDF, rule: fault.rule) : fault
    }
  }

  /// Reads the pages without text by OCR. Without OCR, it warns of them, or refuses a document without any text.
  private func withPictures(_ parsed: ParsedDocument, pdf: [UInt8], text: [UInt8]) throws(ParsingError)
    -> ParsedDocument
  {
    guard !parsed.pagesWithoutText.isEmpty else { return parsed }
    let isScan = parsed.pagesWithoutText.count == parsed.pageCount
    guard case .on(let languages, let timeout) = ocr else {
      guard !isScan else {
        throw ParsingError(
          .noText, rule: "must hold text: its pages hold none, but perhaps pictures of text; \(advice)")
      }
      return warned(parsed, "no text found; \(advice)")
    }
    var limits = limits
    limits.timeout = timeout
    var document: ParsedDocument
    do throws(ParsingError) {
      document = try recognise(pdf, only: parsed.pagesWithoutText, text, languages, limits)
    } catch {
      // A failure of OCR must not lose the text of the other pages.
      guard !isScan, error.kind == .rejected else { throw error }
      return warned(parsed, "could not be read by OCR: \(error.rule)")
    }
    guard document.pagesWithoutText.count < document.pageCount else {
      throw ParsingError(
        .noText, rule: "must hold text: neither its pages nor the pictures on them hold any")
    }
    let empty = Set(document.pagesWithoutText)
    let read = parsed.pagesWithoutText.filter { !empty.contains($0) }
    document.format = read.count == document.pageCount ? .scan : .pdf
    guard !read.isEmpty else { return document }
    document.pagesWithoutText = read
    return warned(document, "read from pictures by OCR, so words may be wrong")
  }

  private func warned(_ document: ParsedDocument, _ text: String) -> ParsedDocument {
    var document = document
    document.warnings = ["\(pages(document.pagesWithoutText)) of the \(document.pageCount) pages: \(text)"]
    return document
  }

  private var advice: String {
    switch ocr {
    case .off: "set ingest.ocr to auto to read pictures"
    case .missing(let reason): "ingest.ocr is auto, but \(reason)"
    case .on: ""
    }
  }

  /// The page numbers for a message, at most eight: "pages 1, 4, 5".
  private func pages(_ numbers: [Int]) -> String {
    (numbers.count == 1 ? "page " : "pages ") + numbers.prefix(8).map { "\($0 + 1)" }.joined(separator: ", ")
      + (numbers.count > 8 ? ", …" : "")
  }

  private func recognise(
    _ pdf: [UInt8], only pages: [Int], _ text: [UInt8], _ languages: String, _ limits: ParsingLimits
  ) throws(ParsingError) -> ParsedDocument {
    // Not `parserTimeout`, after which the document is tried again: that would take as long, and the worker reads
    // nothing else.
    let late = ParsingError(
      .ocrTimeout,
      rule: "must be readable within ingest.ocrTimeout, \(limits.timeout.components.seconds) s")
    let result: Result<ParsedDocument, ParsingError>
    do throws(SandboxError) {
      result = try recognition(pdf, pages, text, programs.recognising(limits, languages: languages), limits)
    } catch {
      if case .tookTooLong = error { throw late }
      throw fault(error)
    }
    if case .failure(let fault) = result, fault.code == .parserTimeout { throw late }
    return try result.get()
  }

  /// Pages at most this far apart are drawn by one process, with those between them.
  private static let pageGapMax = 3

  /// - Throws: `SandboxError` for faults of this machine and for timeouts; faults of the document are returned.
  private func recognition(
    _ pdf: [UInt8], _ pages: [Int], _ text: [UInt8], _ program: SandboxedProgram, _ limits: ParsingLimits
  ) throws(SandboxError) -> Result<ParsedDocument, ParsingError> {
    let deadline = ContinuousClock.now + limits.timeout
    // OCR has its own child: the children that read other documents don't load tesseract.
    let child = try ParserChild(program)
    var waiting = pages[...]
    while let first = waiting.popFirst() {
      var wanted: Set = [first]
      var last = first
      while let next = waiting.first, next - last <= Self.pageGapMax {
        last = next
        wanted.insert(next)
        waiting.removeFirst()
      }
      if let failure = try draw(pdf, first...last, wanted, child, limits, deadline) {
        return .failure(failure)
      }
    }
    return try ask(child, .pdfText, page: 0, text, limits, deadline)
  }

  private func ask(
    _ child: ParserChild, _ work: ParserRequest.Work, page: Int, _ bytes: [UInt8], _ limits: ParsingLimits,
    _ deadline: ContinuousClock.Instant
  ) throws(SandboxError) -> Result<ParsedDocument, ParsingError> {
    var request = ParserRequest(work, type: nil, limits)
    request.page = page
    switch try child.answer(request, bytes, until: deadline) {
    case .reply(.document(let document)): return .success(document)
    case .reply(.fault(let fault)) where fault.kind == .rejected: return .failure(fault)
    case .reply, .strange: return .failure(Self.strange)
    case .ended(let ending): return .failure(fault(ending, "the reader of pictures"))
    }
  }

  /// Draws a run of pages, and sends the wanted ones to the child.
  ///
  /// - Returns: why the document can't be read; nil when the pages were read.
  private func draw(
    _ pdf: [UInt8], _ pages: ClosedRange<Int>, _ wanted: Set<Int>, _ child: ParserChild,
    _ limits: ParsingLimits,
    _ deadline: ContinuousClock.Instant
  ) throws(SandboxError) -> ParsingError? {
    let process = try SandboxedProcess(programs.drawing(limits, pages: pages), input: .file(pdf))
    var bytes: [UInt8] = []
    var page = pages.lowerBound
    while page <= pages.upperBound {
      let more = try process.read(atMost: 1 << 18, until: deadline)
      if more.isEmpty { break }
      bytes += more
      while page <= pages.upperBound, let picture = PortableGraymap(bytes[...]),
        picture.range.upperBound <= bytes.count
      {
        if wanted.contains(page),
          case .failure(let fault) = try ask(
            child, .picture, page: page, Array(bytes[..<picture.range.upperBound]), limits, deadline)
        {
          return fault
        }
        bytes.removeFirst(picture.range.upperBound)
        page += 1
      }
      // A header is shorter than this and its numbers are limited, so these bytes are no picture.
      if bytes.count > 64, PortableGraymap(bytes[...]) == nil { break }
    }
    let ending =
      try page > pages.upperBound && bytes.isEmpty ? process.finish(until: deadline) : process.end()
    if ending.complaint.hasPrefix("ERROR: ld.so") { throw .notStarted(ending.complaint) }
    guard ending.status == 0 || page > pages.upperBound else { return fault(ending, "pdftoppm") }
    guard bytes.isEmpty, page > pages.upperBound else {
      return ParsingError(.badPDF, rule: "must be readable: pdftoppm drew no pictures of its pages")
    }
    return nil
  }

  private static let layoutFactor = 16

  /// Whether a PDF is complete. Bytes after the last %%EOF are ignored, as PDF readers do: servers append to files.
  private static func isWhole(pdf bytes: [UInt8]) -> Bool {
    let data = Data(bytes)
    guard let start = data.range(of: Data("startxref".utf8), options: .backwards),
      data.range(of: Data("%%EOF".utf8), in: start.upperBound..<data.endIndex) != nil
    else { return false }
    // A linearized file ("fast web view") also has a startxref near its start, so its stated length is checked.
    let head = String(decoding: bytes.prefix(1024), as: UTF8.self)
    guard head.contains("/Linearized"), let mark = head.firstMatch(of: /\/L\s+(\d{1,12})/),
      let length = Int(mark.1)
    else { return true }
    return length <= bytes.count
  }

  private enum PDFOutput {
    case text([UInt8])
    case tooLong
    case failed(SandboxedProcess.Ending)
  }

  private func output(ofPDF bytes: [UInt8], until deadline: ContinuousClock.Instant) throws(SandboxError)
    -> PDFOutput
  {
    let process = try SandboxedProcess(programs.readingPDF(limits), input: .file(bytes))
    var text: [UInt8] = []
    while true {
      let more = try process.read(atMost: 1 << 18, until: deadline)
      if more.isEmpty { break }
      text += more
      // The position of a word takes ten times as many bytes as the word.
      if text.count > Self.layoutFactor * limits.textBytesMax { return .tooLong }
    }
    let ending = try process.finish(until: deadline)
    // If the loader can't preload the library, it only prints an error and starts the program without it.
    if ending.complaint.hasPrefix("ERROR: ld.so") { throw .notStarted(ending.complaint) }
    return ending.status == 0 ? .text(text) : .failed(ending)
  }
}
