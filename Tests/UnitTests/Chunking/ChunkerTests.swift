import Chunking
import Foundation
import Parsing
import Records
import TestSupport
import Testing
import Tokenizer

private func parse(_ text: String, _ type: MediaType) throws -> ParsedDocument {
  try ParsingTests.parser.parse(text, declared: type.rawValue, scope: "t")
}

// Goal: chunks keep their limits, their ranges match their text, and no text is lost. Method: small documents with
// known chunks, then hostile texts with the invariants.

@Suite struct ChunkerTests {
  private func chunker(_ tokens: Int = 256, overlap: Int = 32) throws -> Chunker {
    Chunker(
      tokenizer: try WordPieceTokenizer(path: Checkout.model + "/vocab.txt"), tokensMax: tokens,
      overlapTokens: overlap)
  }

  private func checkInvariants(_ text: String, _ type: MediaType, _ chunker: Chunker) throws {
    let tokenizer = try WordPieceTokenizer(path: Checkout.model + "/vocab.txt")
    let parsed = try parse(text, type)
    let chunks = try chunker.chunks(of: parsed).chunks
    for (index, chunk) in chunks.enumerated() {
      #expect(Int(chunk.number) == index)
      #expect(
        Array(chunk.text.utf8) == Array(parsed.text[Int(chunk.start)..<Int(chunk.end)]),
        "the range must hold the chunk's text")
      let embedded = chunk.embeddedText
      #expect(tokenizer.tokenCount(embedded) + 2 <= max(chunker.tokensMax, 16))
      #expect(chunk.text.utf8.count <= Chunker.textBytesMax)
    }
    // Every byte of a plain text that is not white space is in a chunk.
    if type == .plainText {
      var covered = [Bool](repeating: false, count: parsed.text.count)
      for chunk in chunks { for position in Int(chunk.start)..<Int(chunk.end) { covered[position] = true } }
      for (position, byte) in parsed.text.enumerated() where !covered[position] {
        #expect([0x20, 0x0A, 0x0D, 0x09].contains(byte), "byte \(position) is in no chunk")
      }
    }
  }

  @Test("Markdown: markup is removed, headings become the path, a chunk never crosses a heading")
  func markdown() throws {
    let parsed = try parse(
      """
      ---
      title: x
      ---
      # Guide

      First *paragraph* with [a link](http://x).

      ## Part `one`

      - item one
      - item two

      | a | b |
      |---|---|
      | 1 | 2 |

      ```
      let code = 1
      ```
      """, .markdown)
    #expect(parsed.title == "x", "the title comes from the front matter")
    let chunks = try chunker().chunks(of: parsed).chunks
    // Table rows get a chunk of their own, with the names of their columns as its context.
    #expect(chunks.map(\.headingPath) == [["Guide"]] + Array(repeating: ["Guide", "Part one"], count: 3))
    #expect(chunks.map(\.context) == ["", "", "a | b", ""])
    #expect(chunks[0].text == "First paragraph with a link.")
    #expect(chunks[1].text.contains("item one") && chunks[2].text == "1 | 2")
    #expect(chunks[3].text == "let code = 1")
  }

  @Test("a chunk has the context of a list only if it holds nothing but the list")
  func listContext() throws {
    let list = "1. Open the valve.\n2. Close the valve.\n"
    let alone = try chunker().chunks(of: parse(list, .markdown)).chunks
    #expect(alone.map(\.context) == ["numbered list of 2"])
    let mixed = try chunker().chunks(of: parse("The gate opens at six.\n\n" + list, .markdown)).chunks
    #expect(mixed.map(\.context) == [""])
  }

  @Test("sentences are not split, and an overlap consists of whole sentences")
  func overlap() throws {
    let text = (1...60).map { "This is sentence number \($0) of the text." }.joined(separator: " ")
    let chunks = try chunker(64, overlap: 20).chunks(of: try parse(text, .plainText)).chunks
    #expect(chunks.count > 5)
    for chunk in chunks { #expect(chunk.text.hasPrefix("This is") && chunk.text.hasSuffix("text.")) }
    for (a, b) in zip(chunks, chunks.dropFirst()) { #expect(b.start < a.end && b.start > a.start) }
  }

  @Test("hostile texts keep the invariants")
  func hostile() throws {
    let chunker = try chunker(32, overlap: 8)
    let texts = [
      String(repeating: "x", count: 30_000), String(repeating: "é", count: 9000),
      String(repeating: "漢", count: 5000),
      String(repeating: "a. ", count: 3000), "\n\n\n", ".", String(repeating: "🙂", count: 4000),
      String(repeating: "word\n", count: 2000), "one\r\n\r\ntwo\r\n",
    ]
    for text in texts { try checkInvariants(text, .plainText, chunker) }
    for text in texts { try checkInvariants("# " + text.prefix(400) + "\n\n" + text, .markdown, chunker) }
  }

  @Test("a document that has only headings gets a chunk of them")
  func headingsOnly() throws {
    let chunks = try chunker().chunks(of: try parse("# Only\n\n## Headings", .markdown)).chunks
    #expect(chunks.count == 1 && chunks[0].text.contains("Only"))
  }

  @Test("settings that multiply the number of vectors cause a warning with the factor")
  func warnings() throws {
    #expect(try chunker(256, overlap: 32).warning == nil)
    #expect(try chunker(256, overlap: 128).warning?.contains("2.0 times") == true)
    #expect(try chunker(32, overlap: 0).warning?.contains("8.0 times") == true)
  }

  @Test("the digest depends on the chunking and the model, not on the version")
  func digest() throws {
    let info = DocumentInfo(
      key: DocumentKey(tenant: .standard, id: DocumentID("d")!), version: Version(epoch: 1, offset: 1))
    let parsed = try parse(
      (1...400).map { "Sentence \($0) stands here." }.joined(separator: " "), .plainText)
    func digests(_ tokens: Int, _ version: Int64, model: String = "m") throws -> Set<[UInt8]> {
      var info = info
      info.version.offset = version
      return Set(
        PartDivision.parts(
          of: try chunker(tokens, overlap: 0).chunks(of: parsed).chunks, document: info, model: model,
          requestID: "r"
        ).map(\.header.digest))
    }
    #expect(try digests(64, 1) == digests(64, 2))
    #expect(try digests(64, 1) != digests(128, 1))
    #expect(try digests(64, 1) != digests(64, 1, model: "n"))
    #expect(try digests(64, 1).count == 1)
  }

  @Test("a part contains at most 64 chunks and the number of parts")
  func parts() throws {
    let info = DocumentInfo(
      key: DocumentKey(tenant: .standard, id: DocumentID("d")!), version: Version(epoch: 1, offset: 1))
    let text = (1...2000).map { "Sentence number \($0) stands here for itself." }.joined(separator: " ")
    let chunks = try chunker(32, overlap: 0).chunks(of: try parse(text, .plainText)).chunks
    let parts = PartDivision.parts(of: chunks, document: info, model: "m", requestID: "r")
    #expect(parts.count > 2)
    #expect(
      parts.allSatisfy {
        $0.chunks.count <= PartDivision.chunksMax && $0.header.partCount == UInt32(parts.count)
      })
    #expect(parts.flatMap(\.chunks) == chunks)
  }

  @Test("one-word sections share chunks with their neighbours, and their headings are in the text")
  func tinySections() throws {
    let text = (0..<3000).map { "## H\($0)\n\nx.\n" }.joined(separator: "\n")
    try checkInvariants(text, .markdown, chunker())
    let chunks = try chunker().chunks(of: try parse(text, .markdown)).chunks
    #expect(chunks.count < 150, "\(chunks.count) chunks for 3,000 sections")
    let all = chunks.map(\.text).joined(separator: "\n")
    for number in [0, 1, 1499, 2999] { #expect(all.contains("H\(number)\n")) }
    // Sections of a few words keep their own chunk and heading.
    let guide = "# Ports\n\nThe port is 8080 by default.\n\n# Hosts\n\nThe host is named alpha here.\n"
    #expect(
      try chunker().chunks(of: try parse(guide, .markdown)).chunks.map(\.headingPath) == [
        ["Ports"], ["Hosts"],
      ])
  }

  @Test("heading paths are cut at 1,000 bytes, and the limits on the number of chunks and on time hold")
  func limits() throws {
    let headings = (1...6).map {
      String(repeating: "#", count: $0) + " " + String(repeating: "x", count: 10_000)
    }
    let paragraphs = (0..<500).map { "The paragraph with number \($0) has a few words of its own." }
    let text = (headings + paragraphs).joined(separator: "\n\n")
    try checkInvariants(text, .markdown, chunker())
    let parsed = try parse(text, .markdown)
    for chunk in try chunker().chunks(of: parsed).chunks {
      #expect(chunk.headingPath.reduce(0) { $0 + $1.utf8.count } <= 1000)
    }
    let count = try chunker().chunks(of: parsed).chunks.count
    #expect(try chunker().chunks(of: parsed, chunksMax: count).chunks.count == count)
    #expect(throws: ChunkingError.tooMany(count - 1)) {
      try chunker().chunks(of: parsed, chunksMax: count - 1)
    }
    #expect(throws: ChunkingError.tookTooLong) { try chunker().chunks(of: parsed, until: .now - .seconds(1)) }
  }

  @Test("text that gives the model no tokens is not repeated in every chunk")
  func invisible() throws {
    let lines = String(repeating: "\u{AD}\n", count: 10_000)
    let parsed = try parse("# T\n\nWords.\n\n```\n\(lines)```\n", .markdown)
    let chunks = try chunker().chunks(of: parsed).chunks
    let bytes = chunks.reduce(0) { $0 + $1.text.utf8.count }
    #expect(bytes < 2 * parsed.text.count, "\(chunks.count) chunks, \(bytes) of \(parsed.text.count) bytes")
  }
}
