import Chunking
import Cryptography
import Foundation
import Parsing
import Records
import TestSupport
import Testing
import Tokenizer

// Goal: a reader whose output changes gets a new version number, so that `documents reread` finds the documents that
// the older version read. Method: digests of the chunks of files in this repository, compared with
// Tests/Files/readers.txt.

@Suite struct ReaderVersionTests {
  private static let list = Checkout.path + "/Tests/Files/readers.txt"
  private static let folders = [
    "Workers/Millrace/Demo/handbook", "Workers/Millrace/Demo/formats", "Tests/Files",
  ]

  @Test("a reader's output for the same file changes only with its version number")
  func unchanged() throws {
    let chunker = Chunker(
      tokenizer: try WordPieceTokenizer(path: Checkout.model + "/vocab.txt"), tokensMax: 200,
      overlapTokens: 30)
    var lines: [String] = []
    for folder in Self.folders {
      for name in try FileManager.default.contentsOfDirectory(atPath: "\(Checkout.path)/\(folder)").sorted()
      where name != "readers.txt" {
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: "\(Checkout.path)/\(folder)/\(name)")))
        let parsed: ParsedDocument
        do throws(ParsingError) {
          parsed = try ParsingTests.parser.parse(bytes, declared: declared(name), scope: "t")
        } catch {
          // The machine's fault says nothing about the file.
          if [.machineFault, .parserTimeout].contains(error.code) { throw error }
          continue
        }
        let chunks = try chunker.chunks(of: parsed, chunksMax: 10_000, until: .now + .seconds(60)).chunks
        var header = PartHeader(
          document: DocumentInfo(
            key: DocumentKey(tenant: .standard, id: try #require(DocumentID("a"))),
            version: Version(epoch: 1, offset: 0)))
        header.chunkCount = UInt32(chunks.count)
        let made = SHA256.hex(SHA256.digest(ChunkBatch(header: header, chunks: chunks).wireBytes))
        lines.append("\(folder)/\(name) \(ReaderVersion.current(parsed.format)) \(made.prefix(16))")
      }
    }
    #expect(Set(lines.map { $0.split(separator: " ")[1].split(separator: "/")[0] }).count >= 7, "\(lines)")
    let present = lines.joined(separator: "\n") + "\n"
    if ProcessInfo.processInfo.environment["MILLRACE_REWRITE"] != nil {
      try present.write(toFile: Self.list, atomically: true, encoding: .utf8)
    }
    let known = try String(contentsOfFile: Self.list, encoding: .utf8)
    #expect(
      present == known,
      """
      A reader, the sentences or the chunks have changed. Raise the readers' numbers in ReaderVersion.swift, then write
      the list anew: MILLRACE_REWRITE=1 scripts/test.sh units
      """)
  }

  private func declared(_ name: String) -> String {
    switch name.split(separator: ".").last {
    case "md": "text/markdown"
    case "html": "text/html"
    case "csv": "text/csv"
    default: ""
    }
  }
}
