import Formats
import Foundation
import Parsing
import Sandbox

/// `millrace-parser`: reads documents from its standard input and writes what they hold to its standard output.
/// Ingest starts it; it is of no use by hand.
///
///     --unconfined    sets no seccomp filter
///     --probe         tries what no parser may do, prints the errors in JSON, and ends
///     --probe-start   tries to start a program, which kills this process
///     --ocr LANGUAGES loads tesseract, so that pictures of pages can be read
///     --preloaded     with a probe: the filter was set by the preloaded library, so it isn't set again
@main
enum ParserProgram {
  /// A child that gets no request for this long ends.
  private static let idleSeconds = 30
  /// The same for a child that reads pictures: it waits while pages are rendered, and its parent ends it.
  private static let idleSecondsForPictures = 600

  static func main() {
    endAtOnce()
    let arguments = Set(CommandLine.arguments.dropFirst())
    var reader = DocumentReader()
    prepare(&reader)
    if let index = CommandLine.arguments.firstIndex(of: "--ocr"), index + 1 < CommandLine.arguments.count,
      let fault = Recognition.open(languages: CommandLine.arguments[index + 1])
    {
      complain(fault)
      exit(124)
    }
    do throws(SandboxError) {
      if !arguments.contains("--unconfined"), !arguments.contains("--preloaded") { try Sandbox.enter() }
    } catch {
      complain("\(error)")
      exit(125)
    }
    if arguments.contains("--probe-start") {
      complain("another program could be tried: errno \(Sandbox.probeStart())")
      exit(1)
    }
    if arguments.contains("--probe") {
      write(Array((try? JSONEncoder().encode(Sandbox.probe())) ?? Data()))
      exit(0)
    }
    serve(&reader)
  }

  /// Uses the code that reads files at its first use, because no file can be read once the filter is set.
  private static func prepare(_ reader: inout DocumentReader) {
    _ =
      reader.reply(
        to: ParserRequest(
          .text, type: .html, ParsingLimits(timeout: .seconds(1), memoryBytesMax: 0, textBytesMax: 1 << 16)),
        Array("<p>a".utf8)
      ).parts
  }

  private static func serve(_ reader: inout DocumentReader) {
    while true {
      Sandbox.endAfter(
        seconds: CommandLine.arguments.contains("--ocr") ? idleSecondsForPictures : idleSeconds)
      guard let lengths = ParserFrame.lengths(read(ParserFrame.lengthBytes)) else { exit(0) }
      guard let request = try? JSONDecoder().decode(ParserRequest.self, from: Data(read(lengths.head))) else {
        complain("the request is not JSON of the known layout")
        exit(1)
      }
      Sandbox.endAfter(seconds: request.secondsMax + 1)
      let bytes = read(lengths.body)
      guard bytes.count == lengths.body else { exit(0) }
      guard let parts = reader.reply(to: request, bytes).parts else {
        complain("the reply can't be written as JSON")
        exit(1)
      }
      write(ParserFrame.lengths(head: parts.head.count, body: parts.body.count) + parts.head + parts.body)
    }
  }

  /// - Returns: fewer bytes only at the end of the input.
  private static func read(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      guard let more = try? FileHandle.standardInput.read(upToCount: count - bytes.count), !more.isEmpty
      else { break }
      bytes += more
    }
    return bytes
  }

  private static func write(_ bytes: [UInt8]) {
    do { try FileHandle.standardOutput.write(contentsOf: Data(bytes)) } catch { exit(1) }
  }

  private static func complain(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data("\(text)\n".utf8))
  }

  /// Swift's runtime would write a backtrace before a crashed process ends, which takes seconds.
  private static func endAtOnce() {
    for number in [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGTRAP] { signal(number, SIG_DFL) }
  }
}
