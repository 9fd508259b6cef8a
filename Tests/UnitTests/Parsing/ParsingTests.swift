// swift-format-ignore-file: NeverForceUnwrap
import Foundation
import BlockingExecutor
@testable import Parsing
import TestSupport
import Testing

// Goal: real files are read, and the error for an unreadable file says why. Method: the files of the test data, with
// the strings of their manifest, and small hostile inputs.

@Suite struct ParsingTests {
  static let limits = ParsingLimits(timeout: .seconds(20), memoryBytesMax: 1 << 30, textBytesMax: 8 << 20)
  private let parser = Parser(ParsingTests.limits, markup: nil)

  private func folded(_ text: some StringProtocol) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  private func error(_ bytes: [UInt8], _ declared: String = "", limits: ParsingLimits = limits)
    -> ParsingError?
  {
    do throws(ParsingError) {
      _ = try Parser(limits, markup: nil).parse(bytes, declared: declared)
      return nil
    } catch { return error }
  }

  @Test(
    "every real file is read with its strings, or refused with a reason",
    .enabled(if: SharedData.isPresent, "no test data: MILLRACE_SHARED"))
  func realFiles() throws {
    let root = SharedData.root! + "/data/files/"
    var read = 0
    var refused: [String: String] = [:]
    for line in try String(contentsOfFile: root + "manifest.jsonl", encoding: .utf8).split(separator: "\n") {
      let entry = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let path = entry["path"] as! String
      let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: root + path)))
      // The media type that `documents put` declares: none, or one from the file's extension, which may be wrong.
      let declared = path.hasSuffix(".html") ? "text/html" : path.hasSuffix(".pdf") ? "application/pdf" : ""
      do throws(ParsingError) {
        let parsed = try parser.parse(bytes, declared: declared)
        // The manifest quotes the source. In Markdown, the marks of emphasis and code are not text.
        func comparable(_ text: String) -> String {
          folded(path.hasSuffix(".md") ? text.filter { !"_*`".contains($0) } : text)
        }
        let text = comparable(String(decoding: parsed.text, as: UTF8.self))
        for expected in entry["expect"] as? [String] ?? [] {
          let isFound = text.contains(comparable(expected))
          #expect(isFound, "\(path) does not contain: \(expected)")
        }
        #expect(parsed.blocks.allSatisfy { $0.range.upperBound <= parsed.text.count })
        read += 1
      } catch {
        refused[path] = error.description
        #expect((entry["expect"] as? [String])?.isEmpty == true, "\(path): \(error)")
      }
    }
    print("files: \(read) read, refused: \(refused.sorted { $0.key < $1.key })")
    #expect(read >= 30)
    #expect(refused["degenerate/truncated.pdf"]?.contains("cut short") == true)
    #expect(refused["epub/policy.epub"]?.contains("ZIP") == true)
    #expect(refused["degenerate/really-gzip.pdf"] == nil, "gzip is unpacked, whatever the file name")
  }

  @Test("HTML: markup, scripts and navigation are removed, headings become the path, tables are kept")
  func html() throws {
    let parsed = try parser.parse(
      """
      <!doctype html><html><head><title>Pumps &amp; valves</title><script>var secret = 1</script></head><body>
      <nav><a href="/">Home</a></nav><h1>Pumps</h1><p>A <b>pump</b> moves
      water.</p><h2>Valves</h2><ul><li>Gate<li>Ball</ul><table><tr><td>DN</td><td>50</td></tr></table>
      <pre>open
        valve</pre><style>p { color: red }</style></body></html>
      """, declared: "")
    let text = String(decoding: parsed.text, as: UTF8.self)
    #expect(parsed.title == "Pumps & valves")
    #expect(
      text.contains("A pump moves water.") && text.contains("DN | 50") && text.contains("open\n  valve"))
    #expect(!text.contains("secret") && !text.contains("Home") && !text.contains("color"))
    let gate = try #require(
      parsed.blocks.first { String(decoding: parsed.text[$0.range], as: UTF8.self) == "Gate" })
    #expect(gate.headingPath == ["Pumps", "Valves"])
  }

  @Test("deep, broken and very long markup does not trap")
  func hostileMarkup() throws {
    for text in [
      String(repeating: "<div>", count: 200) + "deep", "<html><p>unclosed <b>tags <i>everywhere",
      "<html>\u{0}<p>nul</p>",
      "<!doctype html>&#x110000;&nosuch;<p id=\"" + String(repeating: "a", count: 200_000),
      "<html><svg><p>x</svg>y",
    ] {
      let parsed = try parser.parse(text, declared: "text/html")
      #expect(parsed.blocks.allSatisfy { $0.range.upperBound <= parsed.text.count })
      let isWhole = !text.hasSuffix("deep") || String(decoding: parsed.text, as: UTF8.self).contains("deep")
      #expect(isWhole, "no text is dropped")
    }
    for element in ["<div>", "<table><tr><td>", "<ul><li>", "<b>"] {
      let deep = "<html>" + String(repeating: element, count: 20_000) + "x"
      #expect(
        error(Array(deep.utf8))?.code == .tooComplex, "a partial text is refused: \(element)")
    }
    let wide = "<html><p " + (0..<30_000).map { "a\($0)=1" }.joined(separator: " ") + ">x"
    #expect(error(Array(wide.utf8))?.code == .tooComplex)
  }

  @Test("the encoding is taken from a byte order mark, the declaration, the markup, or guessed")
  func encodings() throws {
    func text(_ bytes: [UInt8], _ declared: String = "text/plain") throws -> String {
      String(decoding: try parser.parse(bytes, declared: declared).text, as: UTF8.self)
    }
    #expect(try text([0xEF, 0xBB, 0xBF] + Array("gr\u{FC}n".utf8)) == "grün")
    #expect(try text([0xFF, 0xFE, 0x67, 0x00, 0xFC, 0x00]) == "gü")
    #expect(try text([0x67, 0xFC], "text/plain; charset=\"iso-8859-1\"") == "gü")
    #expect(try text([0xE4, 0xB8], "text/plain; charset=utf-8").isEmpty == false, "cut inside a character")
    let meta = Array("<html><head><meta charset=windows-1252></head><body><p>caf".utf8) + [0xE9]
    #expect(try text(meta, "").contains("café"))
    let shown = "Write <meta charset=iso-8859-1> for a page like caf\u{E9}."
    #expect(
      try text(Array(shown.utf8), "").contains("caf\u{E9}"), "a text that contains markup is not HTML")
    #expect(try text(Array("<html><meta charset=utf-16><p>plain".utf8), "").contains("plain"))
    #expect(error([0x67, 0xFC], "text/plain; charset=no-such-one") == nil, "an unknown encoding is ignored")
  }

  @Test("unsupported binary formats are refused, and a gzip bomb is limited")
  func binaries() throws {
    #expect(error(Array("PK\u{3}\u{4}rest".utf8))?.code == .unsupportedMediaType)
    #expect(error([0x89, 0x50, 0x4E, 0x47])?.rule.contains("PNG") == true)
    #expect(error(Array("%PDF-1.4\nnot really\n%%EOF".utf8))?.code == .badPDF)
    #expect(error(Array("no pdf".utf8), "application/pdf")?.code == .badPDF)
    #expect(error(Array("x".utf8), "application/zip")?.code == .unsupportedMediaType)
    #expect(error([0x1F, 0x8B, 0x00])?.code == .unreadable)
    // A gzip bomb: 64 MB of zeros in 64 kB.
    let zip = Process()
    let output = Pipe()
    zip.executableURL = URL(fileURLWithPath: "/bin/sh")
    zip.arguments = ["-c", "head -c 64000000 /dev/zero | gzip"]
    zip.standardOutput = output
    try zip.run()
    let bomb = Array(output.fileHandleForReading.readDataToEndOfFile())
    #expect(error(bomb)?.code == .tooLong)
    let slow = ParsingLimits(timeout: .seconds(1), memoryBytesMax: 1 << 30, textBytesMax: 1 << 40)
    #expect(bomb.count < 100_000 && slow.timeout == .seconds(1))
  }

  private static func sleepInChild(_ limits: ParsingLimits) async {
    await BlockingCalls(name: "parser").run {
      _ = #expect(throws: ParsingError.self) {
        try ChildProcess.run("sleep", ["600"], input: [], limits: limits, outputBytesMax: 1)
      }
    }
  }

  @Test("a child process is ended when the task that waits for it is cancelled")
  func cancelledChild() async throws {
    let limits = ParsingLimits(timeout: .seconds(600), memoryBytesMax: 1 << 30, textBytesMax: 1 << 20)
    let time = await ContinuousClock().measure {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await Self.sleepInChild(limits) }
        group.cancelAll()
      }
    }
    // This includes up to half a minute of waiting for a thread of the pool, which all tests share.
    #expect(time < .seconds(120), "it would have slept for ten minutes: \(time)")
  }

  @Test("if the declared type is wrong, the content decides")
  func detection() throws {
    let markdown = "# Title\n\n- one\n- two\n\nSee [here](x) for `<b>` elements."
    #expect(try parser.parse(Array(markdown.utf8), declared: "text/html").title == "Title")
    #expect(try parser.parse(Array("<html><h1>T</h1><p>x".utf8), declared: "").title == "T")
    #expect(try parser.parse(Array("a\rb\r\rc".utf8), declared: "text/plain").blocks.count == 2)
  }

  private static let binary = ProcessInfo.processInfo.environment["MILLRACE_BINARY"]

  @Test(
    "a child process reads large markup, with the same result as in place, and is ended if it takes too long",
    .enabled(if: binary != nil, "MILLRACE_BINARY is not set"))
  func markupInChild() throws {
    let reader = MarkupReader(executable: try #require(Self.binary))
    let child = Parser(Self.limits, markup: reader)
    let markdown = (1...2000).map { "# Ä \($0)\n\n## B\n\nText of *\($0)*.\n\n```\ncode \n```\n" }.joined()
    let html = "<html><title>T</title>" + (1...2000).map { "<h1>Ö \($0)</h1><p>Text <b>\($0)</b>" }.joined()
    for (text, type) in [(markdown, "text/markdown"), (html, "text/html")] {
      #expect(text.utf8.count > MarkupReader.inPlaceBytesMax)
      let read = try child.parse(text, declared: type)
      #expect(read.blocks.count >= 4000 && read.title.hasSuffix("1") == (type == "text/markdown"))
      #expect(try read == parser.parse(text, declared: type))
    }
    // cmark-gfm 0.29 needs quadratic time for this: minutes for a quarter of a megabyte.
    let limits = ParsingLimits(timeout: .seconds(2), memoryBytesMax: 1 << 30, textBytesMax: 8 << 20)
    let hostile = String(repeating: "|\n-|\n", count: 50_000)
    let time = ContinuousClock().measure {
      #expect(
        throws: ParsingError(.parserTimeout, rule: "must be readable within ingest.parserTimeout, 2 s")
      ) {
        try Parser(limits, markup: reader).parse(hostile, declared: "text/markdown")
      }
    }
    #expect(time < .seconds(20), "\(time)")
    // The nodes of two million paragraphs need more memory than this limit.
    let small = ParsingLimits(timeout: .seconds(20), memoryBytesMax: 400 << 20, textBytesMax: 8 << 20)
    let error = #expect(throws: ParsingError.self) {
      try Parser(small, markup: reader).parse(
        String(repeating: "a\n\n", count: 2_000_000), declared: "text/markdown")
    }
    #expect(error?.code == .parserMemory, "\(error as Any)")
    #expect(throws: ParsingError.self, "a reader that prints something else") {
      try Parser(limits, markup: MarkupReader(executable: "/bin/echo")).parse(
        markdown, declared: "text/markdown")
    }
  }

  @Test("if no reader process can start, the error is retriable and not the document's fault")
  func readerIsMissing() throws {
    let markdown = String(repeating: "# A\n\ntext\n\n", count: 5000)
    // A program with the exit status of a failing `timeout` or `prlimit`, and a missing program.
    let failing = FileManager.default.temporaryDirectory.appendingPathComponent("reader-\(UUID().uuidString)")
    try "#!/bin/sh\necho no memory for a process >&2\nexit 125\n".write(
      to: failing, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: failing.path)
    defer { try? FileManager.default.removeItem(at: failing) }
    for executable in [failing.path, "/nonexistent"] {
      let error = #expect(throws: ParsingError.self) {
        try Parser(Self.limits, markup: MarkupReader(executable: executable)).parse(
          markdown, declared: "text/markdown")
      }
      #expect(error?.code == .machineFault, "\(executable): \(error as Any)")
    }
  }

  @Test("only its user can read a child's input file, whatever the umask, and it replaces no file")
  func temporaryFile() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("private-\(UUID().uuidString)")
      .path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let former = umask(0)
    defer { umask(former) }
    try PrivateFile.write(Array("text".utf8), to: path)
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
    #expect(throws: (any Error).self) { try PrivateFile.write([1], to: path) }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "text")
  }
}
