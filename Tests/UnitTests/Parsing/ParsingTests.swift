// swift-format-ignore-file: NeverForceUnwrap
import Foundation
import BlockingExecutor
import Parsing
import Sandbox
import TestSupport
import Testing

// Goal: real files are read, and the error for an unreadable file says why. Method: the files of the test data, with
// the strings that their manifest expects, and small hostile inputs.

@Suite struct ParsingTests {
  static let limits = ParsingLimits(timeout: .seconds(60), memoryBytesMax: 1 << 30, textBytesMax: 8 << 20)
  /// The programs that were built with these tests.
  static let programs = ParserPrograms(
    besides: URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath(), confinement: .required)
  static let parser = Parser(limits, programs)

  private func parse(_ bytes: [UInt8], declared: String) throws(ParsingError) -> ParsedDocument {
    try Self.parser.parse(bytes, declared: declared, scope: "t")
  }

  private func parse(_ text: String, declared: String) throws(ParsingError) -> ParsedDocument {
    try Self.parser.parse(text, declared: declared, scope: "t")
  }

  private func folded(_ text: some StringProtocol) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  private func error(_ bytes: [UInt8], _ declared: String = "", limits: ParsingLimits = limits)
    -> ParsingError?
  {
    do throws(ParsingError) {
      _ = try Parser(limits, Self.programs).parse(bytes, declared: declared, scope: "t")
      return nil
    } catch { return error }
  }

  @Test(
    "a million combining marks in a row are refused at once, a thousand are read", .timeLimit(.minutes(20)),
    arguments: ["", "text/plain", "text/markdown", "text/html", "text/csv"])
  func marks(_ type: String) throws {
    let many = "a" + String(repeating: "\u{302E}\u{0301}", count: 500_000) + " b\n"
    let rule = "must hold at most 1000 combining marks in a row"
    #expect(error(Array(many.utf8), type)?.rule == rule)
    #expect { try parse(many, declared: type) } throws: { ($0 as? ParsingError)?.rule == rule }
    let few = "<p>a" + String(repeating: "\u{302E}\u{0301}", count: 500) + " b</p>\n"
    #expect(try !parse(few, declared: type).text.isEmpty)
    // The same marks as character references.
    guard type == "text/html" else { return }
    let hidden = "<p>a" + String(repeating: "&#769;", count: 2000) + "</p>"
    #expect(error(Array(hidden.utf8), type)?.rule == rule)
  }

  @Test(
    "every real file is read with its expected strings, or refused with a reason",
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
        let parsed = try parse(bytes, declared: declared)
        // The manifest quotes the source. In Markdown, the marks of emphasis and code are not text.
        func comparable(_ text: String) -> String {
          // In a PDF, only distances tell a space from the end of a cell, so both are left out. The mark of a note is a
          // raised digit, which is compared as a plain digit.
          if path.contains(".pdf") {
            return String(
              text.map { $0.wholeNumberValue.flatMap { $0 < 10 ? Character("\($0)") : nil } ?? $0 }
            )
            .filter { !$0.isWhitespace && $0 != "|" }
          }
          return folded(path.hasSuffix(".md") ? text.filter { !"_*`".contains($0) } : text)
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
    #expect(refused["epub/policy.epub"] == nil)
    #expect(refused["degenerate/really-gzip.pdf"] == nil, "gzip is unpacked, whatever the file name")
  }

  @Test("HTML: markup, scripts and navigation are removed, headings become the path, tables are kept")
  func html() throws {
    let parsed = try parse(
      """
      <!doctype html><html><head><title>Pumps &amp; valves</title><script>var secret = 1</script></head><body>
      <nav><a href="/">Home</a></nav><main><h1>Pumps</h1><p>A <b>pump</b> moves
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

  @Test("deep, broken and very long markup is read whole or refused")
  func hostileMarkup() throws {
    for text in [
      String(repeating: "<div>", count: 200) + "deep", "<html><p>unclosed <b>tags <i>everywhere",
      "<html>\u{0}<p>nul</p>",
      "<!doctype html>&#x110000;&nosuch;<p id=\"" + String(repeating: "a", count: 200_000),
      "<html><svg><p>x</svg>y",
    ] {
      let parsed = try parse(text, declared: "text/html")
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
      String(decoding: try parse(bytes, declared: declared).text, as: UTF8.self)
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
    #expect(error(Array("PK\u{3}\u{4}rest".utf8))?.code == .unreadable)
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
    #expect(bomb.count < 100_000)
  }

  private static func sleepInChild() async {
    await BlockingCalls(name: "parser").run {
      _ = #expect(throws: SandboxError.self) {
        let program = SandboxedProgram(
          path: "/bin/sleep", arguments: ["600"], memoryBytesMax: 1 << 30, processorSecondsMax: 600,
          isFiltered: true)
        return try SandboxedProcess(program, input: .file([])).read(atMost: 1, until: .now + .seconds(600))
      }
    }
  }

  @Test("a child process is ended when the task that waits for it is cancelled")
  func cancelledChild() async throws {
    let time = await ContinuousClock().measure {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await Self.sleepInChild() }
        group.cancelAll()
      }
    }
    // The time includes waiting for a thread of the pool, which all tests share: minutes on a busy machine.
    #expect(time < .seconds(500), "it would have slept for ten minutes: \(time)")
  }

  @Test("if the declared type is wrong, the content decides")
  func detection() throws {
    let markdown = "# Title\n\n- one\n- two\n\nSee [here](x) for `<b>` elements."
    #expect(try parse(Array(markdown.utf8), declared: "text/html").title == "Title")
    #expect(try parse(Array("<html><h1>T</h1><p>x".utf8), declared: "").title == "T")
    #expect(try parse(Array("a\rb\r\rc".utf8), declared: "text/plain").blocks.count == 2)
  }
}
