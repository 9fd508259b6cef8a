import Foundation
import Parsing
import Sandbox
import TestSupport
import Testing

// Goal: the reader, the child process that reads documents, can do nothing else, and a document that breaks it harms no
// other document. Method: real children that try everything that is forbidden, and misbehaving programs in place of
// the reader.

@Suite struct ParserChildTests {
  private static let limits = ParsingLimits(
    timeout: .seconds(20), memoryBytesMax: 1 << 30, textBytesMax: 8 << 20)

  private static let pdf = URL(fileURLWithPath: Checkout.path + "/Workers/Millrace/Demo/handbook/radio.pdf")

  /// Parser programs with a shell script in place of the reader, and the path of the script.
  private func programs(_ script: String, confinement: ParserPrograms.Confinement) throws -> (
    ParserPrograms, String
  ) {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("reader-\(UUID().uuidString)")
      .path
    // Another process writes the file: a child that another test starts at this moment would inherit our descriptor,
    // and the kernel runs no file that is open for writing (ETXTBSY).
    let writer = Process()
    writer.executableURL = URL(fileURLWithPath: "/usr/bin/install")
    writer.arguments = ["-m", "755", path + ".text", path]
    try "#!/bin/sh\n\(script)\n".write(toFile: path + ".text", atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: path + ".text") }
    try writer.run()
    writer.waitUntilExit()
    return (
      ParserPrograms(reader: path, preload: ParsingTests.programs.preload, confinement: confinement), path
    )
  }

  private func output(_ program: SandboxedProgram) throws -> (text: String, ending: SandboxedProcess.Ending) {
    let process = try SandboxedProcess(program, input: .file([]))
    var bytes: [UInt8] = []
    while case let more = try process.read(atMost: 1 << 16, until: .now + .seconds(20)), !more.isEmpty {
      bytes += more
    }
    return (String(decoding: bytes, as: UTF8.self), try process.finish(until: .now + .seconds(20)))
  }

  private func program(_ path: String, _ arguments: [String], isFiltered: Bool = true) -> SandboxedProgram {
    SandboxedProgram(
      path: path, arguments: arguments, memoryBytesMax: 1 << 30, processorSecondsMax: 20,
      isFiltered: isFiltered)
  }

  @Test(
    "neither a reader nor a program with the preloaded filter reaches network, files, processes or limits")
  func confined() throws {
    let programs = ParsingTests.programs
    try programs.check()
    var preloaded = program(programs.reader, ["--probe", "--preloaded"])
    preloaded.environment = ["LD_PRELOAD=\(programs.preload)"]
    for program in [program(programs.reader, ["--probe"]), preloaded] {
      let tries = try JSONDecoder().decode([String: Int].self, from: Data(try output(program).text.utf8))
      #expect(tries.count == 12 && tries.values.allSatisfy { $0 != 0 }, "\(tries)")
    }
    // Without a filter most of the same attempts succeed, so they are real.
    let free = try output(program(programs.reader, ["--probe", "--unconfined"], isFiltered: false)).text
    let tries = try JSONDecoder().decode([String: Int].self, from: Data(free.utf8))
    #expect(tries.filter { $0.value == 0 }.count >= 8, "\(tries)")
    try? FileManager.default.removeItem(atPath: "/tmp/millrace-probe")
  }

  @Test("a reader that starts a program is killed, with its own filter and with the first filter alone")
  func start() throws {
    let reader = ParsingTests.programs.reader
    for arguments in [["--probe-start"], ["--probe-start", "--preloaded"]] {
      let ending = try output(program(reader, arguments)).ending
      #expect(ending.signal == Int(SIGSYS), "\(arguments): \(ending)")
    }
  }

  @Test("the first filter alone allows no network and no writing, and a shell can't start a program")
  func launched() throws {
    let reader = ParsingTests.programs.reader
    let text = try output(program(reader, ["--probe", "--preloaded"])).text
    let tries = try JSONDecoder().decode([String: Int].self, from: Data(text.utf8))
    #expect(
      tries.filter { $0.value == 0 }.keys.sorted() == ["execute-memory", "read-file", "signal"], "\(tries)")
    let shell = try output(program("/bin/sh", ["-c", "/bin/cat /etc/passwd"]))
    #expect(shell.text.isEmpty && shell.ending.status != 0, "\(shell)")
  }

  @Test("a reader gets no environment and no descriptors but its pipes")
  func bare() throws {
    // The fourth descriptor is the folder, which `ls` opens.
    let listed = try output(program("/bin/ls", ["/proc/self/fd"])).text
    #expect(listed.split(separator: "\n") == ["0", "1", "2", "3"], "\(listed)")
    #expect(try output(program("/usr/bin/env", [])).text.isEmpty)
  }

  @Test("the check at start fails if the reader is missing, can't be confined, or is not really confined")
  func check() throws {
    let strange = ParserPrograms(reader: "/bin/echo", preload: "", confinement: .required)
    let error = #expect(throws: SandboxError.self) { try strange.check() }
    #expect(error?.description.contains("/bin/echo can't be confined") == true, "\(error as Any)")
    let missing = ParserPrograms(reader: "/nonexistent", preload: "", confinement: .required)
    #expect(throws: SandboxError.notStarted("/nonexistent does not start: ENOENT")) { try missing.check() }
    var bare = ParsingTests.programs
    bare.preload = "/nonexistent.so"
    let unloaded = #expect(throws: SandboxError.self) { try bare.check() }
    #expect(unloaded?.description.contains("does not confine") == true, "\(unloaded as Any)")
  }

  @Test("documents are also read without a filter")
  func unconfined() throws {
    var programs = ParsingTests.programs
    programs.confinement = .unconfined
    try programs.check()
    let parser = Parser(Self.limits, programs)
    #expect(try parser.parse("# T\n\ntext", declared: "text/markdown", scope: "t").title == "T")
  }

  @Test("a PDF isn't read without the library that confines its reader")
  func unpreloaded() throws {
    var programs = ParsingTests.programs
    programs.preload = "/nonexistent.so"
    let pdf = [UInt8](
      try Data(contentsOf: Self.pdf))
    #expect(try ParsingTests.parser.parse(pdf, declared: "", scope: "t").text.count > 500)
    let error = #expect(throws: ParsingError.self) {
      try Parser(Self.limits, programs).parse(pdf, declared: "", scope: "t")
    }
    #expect(error?.code == .machineFault, "\(error as Any)")
  }

  @Test("a reader that takes too long or too much memory is stopped, and the next document is read")
  func limits() throws {
    // cmark-gfm 0.29 needs quadratic time for this: minutes for a quarter of a megabyte.
    let short = ParsingLimits(timeout: .seconds(2), memoryBytesMax: 1 << 30, textBytesMax: 8 << 20)
    let slow = String(repeating: "|\n-|\n", count: 50_000)
    let parser = Parser(short, ParsingTests.programs)
    #expect(throws: ParsingError(.parserTimeout, rule: "must be readable within ingest.parserTimeout, 2 s")) {
      try parser.parse(slow, declared: "text/markdown", scope: "t")
    }
    #expect(try parser.parse("# Next\n\ntext", declared: "text/markdown", scope: "t").title == "Next")
    // The nodes of two million paragraphs need more memory than this limit. The reader has already read a document.
    let small = Parser(
      ParsingLimits(timeout: .seconds(20), memoryBytesMax: 200 << 20, textBytesMax: 8 << 20),
      ParsingTests.programs)
    #expect(try small.parse("# First\n\ntext", declared: "text/markdown", scope: "t").title == "First")
    let error = #expect(throws: ParsingError.self) {
      try small.parse(String(repeating: "a\n\n", count: 2_000_000), declared: "text/markdown", scope: "t")
    }
    #expect(error?.code == .parserMemory, "\(error as Any)")
    #expect(try small.parse("# Next\n\ntext", declared: "text/markdown", scope: "t").title == "Next")
  }

  @Test(
    "replies that no correct reader writes are refused: wrong bytes, lengths, ranges and error codes")
  func strangeReplies() throws {
    let head =
      #"{"fault":null,"isPDF":false,"title":"","format":"text","pageCount":2,"pagesWithoutText":[1],"#
      + #""metadata":"{}","headingPaths":[[]],"contexts":[""],"blocks":[[1,0,9,0,0]]}"#
    let fault =
      #"{"fault":{"code":"machine_fault","rule":"x"},"isPDF":false,"title":"","format":"text","#
      + #""pageCount":0,"pagesWithoutText":[],"metadata":"{}","headingPaths":[],"contexts":[],"blocks":[]}"#
    func octal(_ bytes: [UInt8]) -> String {
      bytes.map { "\\\($0 / 64)\($0 / 8 % 8)\($0 % 8)" }.joined()
    }
    func frame(_ head: String, _ body: String) -> String {
      octal(ParserFrame.lengths(head: head.utf8.count, body: body.utf8.count) + Array((head + body).utf8))
    }
    let scripts = [
      "echo hello", "exit 0", "printf '\\377\\377\\377\\377\\377\\377\\377\\177'",
      "printf '\(frame(head, "short"))'",
      "printf '\(frame("{}", ""))'", "printf '\(frame(fault, ""))'", "cat >/dev/null",
    ]
    for script in scripts {
      let (programs, path) = try self.programs(script, confinement: .unconfined)
      defer { try? FileManager.default.removeItem(atPath: path) }
      let limits = ParsingLimits(timeout: .seconds(3), memoryBytesMax: 1 << 30, textBytesMax: 8 << 20)
      let error = #expect(throws: ParsingError.self, "\(script)") {
        try Parser(limits, programs).parse("# T\n\ntext", declared: "text/markdown", scope: "t")
      }
      #expect(error?.kind == .rejected, "\(script): \(error as Any)")
    }
    #expect(ParserReply(head: Array(head.utf8), body: Array("nine byte".utf8)) != nil)
    // Blocks out of order would become ranges that end before they start.
    let turned = head.replacing("[1,0,9,0,0]", with: "[1,5,9,0,0],[1,0,4,0,0]")
    for strange in [
      turned, head.replacing("[1],", with: "[2],"), head.replacing(":2,", with: ":-2,"),
      head.replacing("text", with: "exe"), head.replacing("[1],", with: "[1,0],"),
      fault.replacing("machine_fault", with: "key_mismatch"),
    ] { #expect(ParserReply(head: Array(strange.utf8), body: Array("nine byte".utf8)) == nil, "\(strange)") }
  }

  @Test("a reader that is killed from outside is reported as killed, not as too slow")
  func killed() throws {
    let (programs, path) = try self.programs("kill -9 $$", confinement: .unconfined)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let error = #expect(throws: ParsingError.self) {
      try Parser(Self.limits, programs).parse("# A\n\ntext", declared: "text/markdown", scope: "t")
    }
    #expect(error?.code == .parserMemory && error?.rule.contains("killed") == true, "\(error as Any)")
  }

  @Test("if no reader can start, the error is a fault of the machine, not of the document")
  func readerIsMissing() throws {
    for script in ["echo no memory for a process >&2; exit 125", nil] {
      let made = try script.map { try self.programs($0, confinement: .unconfined) }
      defer { made.map { try? FileManager.default.removeItem(atPath: $0.1) } }
      let programs = made?.0 ?? ParserPrograms(reader: "/nonexistent", preload: "", confinement: .required)
      let error = #expect(throws: ParsingError.self) {
        try Parser(Self.limits, programs).parse("# A\n\ntext", declared: "text/markdown", scope: "t")
      }
      #expect(error?.code == .machineFault, "\(error as Any)")
    }
  }

  @Test("a reader serves one tenant: documents of another tenant get a process of their own")
  func tenants() throws {
    // The title in this reader's replies is the number of documents that it has read.
    let head =
      #"{"fault":null,"isPDF":false,"title":"%d","format":"text","pageCount":0,"pagesWithoutText":[],"#
      + #""metadata":"{}","headingPaths":[],"contexts":[],"blocks":[]}"#
    let length = head.utf8.count - 1
    let script = """
      n=0
      while [ "$(head -c 8 | wc -c)" = 8 ]; do
        n=$((n + 1))
        head -c \(try requestLength() + 8) >/dev/null
        printf '\\\(String(length, radix: 8))\\0\\0\\0\\0\\0\\0\\0'
        printf '\(head)' $n
      done
      """
    let (programs, path) = try self.programs(script, confinement: .unconfined)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let parser = Parser(Self.limits, programs)
    func read(_ tenant: String) throws -> String {
      try parser.parse("# Title\n", declared: "text/markdown", scope: tenant).title
    }
    #expect(try [read("a"), read("a"), read("b"), read("a"), read("b")] == ["1", "2", "1", "3", "2"])
  }

  /// The length in bytes of a request for Markdown with `limits`, in JSON.
  private func requestLength() throws -> Int {
    try JSONEncoder().encode(ParserRequest(.text, type: .markdown, Self.limits)).count
  }

  @Test("a gzipped PDF is unpacked and read, and a truncated one is refused")
  func packedPDF() throws {
    let gzip = Process()
    let output = Pipe()
    gzip.executableURL = URL(fileURLWithPath: "/bin/gzip")
    gzip.arguments = [
      "-c", Self.pdf.path,
    ]
    gzip.standardOutput = output
    try gzip.run()
    let bytes = Array(output.fileHandleForReading.readDataToEndOfFile())
    let text = String(
      decoding: try ParsingTests.parser.parse(bytes, declared: "", scope: "t").text, as: UTF8.self)
    #expect(text.contains("dispatch"))
    // The first half of the gzip file.
    let two = Array(bytes.prefix(bytes.count / 2))
    let error = #expect(throws: ParsingError.self) {
      try ParsingTests.parser.parse(two, declared: "", scope: "t")
    }
    #expect(error?.code == .unreadable, "\(error as Any)")
  }
}
