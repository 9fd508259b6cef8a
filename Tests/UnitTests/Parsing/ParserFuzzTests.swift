import BlockingExecutor
import Foundation
import Parsing
import TestSupport
import Testing

// Goal: no document crashes its reader. Method: mutated documents of every format, with a fixed seed, through
// real readers. The libraries below are fuzzed for longer by scripts/fuzz.sh.

@Suite(.timeLimit(.minutes(20))) struct ParserFuzzTests {
  private static let cases = 1200

  private static let seeds: [(text: String, type: String)] = [
    (
      "<!doctype html><title>T</title><style>.a{display:none}</style><main><h1>H</h1><table><tr><th rowspan=2>A<th "
        + "colspan=3>B<tr><td>1<td>2</table><ol start=3 reversed><li value=9>x<li>y</ol><pre>a\n b</pre><sup>2</sup>",
      "text/html"
    ),
    (
      "---\ntitle: x\ntags: [a, b]\n---\n# T\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nx[^1]\n\n[^1]: y\n\n1. a\n2. b\n",
      "text/markdown"
    ),
    ("name;ext;note\nInes;4776;\"a\nb\"\nBo;4480;x\n", "text/csv"),
  ]

  private static func mutated(_ bytes: [UInt8], _ random: inout SplitMix) -> [UInt8] {
    var bytes = bytes
    for _ in 0...Int(random.next() % 8) where !bytes.isEmpty {
      let place = Int(random.next() % UInt64(bytes.count))
      switch random.next() % 6 {
      case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
      case 1: bytes.remove(at: place)
      case 2: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
      case 3: bytes.insert(contentsOf: Array("99999999999999999999".utf8), at: place)
      case 4:
        let end = min(bytes.count, place + Int(random.next() % 40))
        bytes.insert(contentsOf: bytes[place..<end], at: Int(random.next() % UInt64(bytes.count)))
      default: bytes = Array(bytes.prefix(max(1, place)))
      }
    }
    return bytes
  }

  @Test("mutated documents are read or refused, and none crashes its reader")
  func mutations() async throws {
    // Waiting for a reader blocks the thread. On a thread of Swift's pool it would hold up other tests.
    try await BlockingCalls(name: "fuzz").run { try Self.mutate() }
  }

  private static func mutate() throws {
    var random = SplitMix(state: 20_261_129)
    var files: [([UInt8], String)] = Self.seeds.map {
      (Array($0.text.utf8), $0.type)
    }
    for name in ["gate.docx", "staff.xlsx", "rules.epub"] {
      files.append(
        (Array(try Data(contentsOf: URL(fileURLWithPath: Checkout.path + "/Tests/Files/" + name))), ""))
    }
    files.append(([UInt8](0x80...0xFF) + Array("text".utf8), "text/plain; charset=shift_jis"))
    files.append((try Self.gzipped(Array("text of a packed page. ".utf8)), ""))
    var refused = 0
    for number in 0..<Self.cases {
      let (bytes, type) = files[number % files.count]
      do throws(ParsingError) {
        _ = try ParsingTests.parser.parse(Self.mutated(bytes, &random), declared: type, scope: "t")
      } catch {
        refused += 1
        #expect(error.kind == .rejected && !error.rule.contains("signal"), "case \(number): \(error)")
      }
    }
    print("parser fuzz: \(Self.cases) documents, \(refused) refused")
  }

  private static func gzipped(_ bytes: [UInt8]) throws -> [UInt8] {
    let (gzip, input, output) = (Process(), Pipe(), Pipe())
    gzip.executableURL = URL(fileURLWithPath: "/bin/gzip")
    gzip.arguments = ["-c"]
    gzip.standardInput = input
    gzip.standardOutput = output
    try gzip.run()
    try input.fileHandleForWriting.write(contentsOf: Data(bytes))
    try input.fileHandleForWriting.close()
    return Array(output.fileHandleForReading.readDataToEndOfFile())
  }
}
