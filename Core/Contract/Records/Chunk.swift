/// A piece of a document's extracted text.
package struct Chunk: Sendable, Equatable, WireMessage {
  package var number: UInt32 = 0
  package var text = ""
  package var headingPath: [String] = []
  /// UTF-8 byte range in the extracted text.
  package var start: UInt64 = 0
  package var end: UInt64 = 0
  /// SHA-256 of `embeddedText`.
  package var contentHash: [UInt8] = []
  package var tokenCount: UInt32 = 0
  /// Information that the text itself lacks: the column names of a table row, or the length of a numbered list.
  package var context = ""
  package var sentenceEnds = SentenceEnds([])

  package init() {}

  /// The message `Chunk` of `millrace.proto`.
  package var messageBytes: [UInt8] { wireBytes }

  /// - Throws: `WireError` when the bytes are not such a message.
  package init(messageBytes: [UInt8]) throws(WireError) { try self.init(wireBytes: messageBytes) }

  /// The text that is embedded: the chunk's text after its headings and its context, which say what the text is about.
  /// The hash of this text decides whether a cached vector can be used.
  package var embeddedText: String {
    (headingPath.isEmpty ? "" : headingPath.joined(separator: " > ") + "\n")
      + (context.isEmpty ? "" : context + "\n")
      + text
  }

  func write(to writer: inout WireWriter) {
    writer.uint(1, number)
    writer.string(2, text)
    writer.strings(3, headingPath)
    writer.uint(4, start)
    writer.uint(5, end)
    writer.data(6, contentHash)
    writer.uint(7, tokenCount)
    writer.string(8, context)
    writer.data(9, sentenceEnds.bytes)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: number = try reader.uint32()
    case 2: text = try reader.string()
    case 3: headingPath.append(try reader.string())
    case 4: start = try reader.uint64()
    case 5: end = try reader.uint64()
    case 6: contentHash = try reader.data()
    case 7: tokenCount = try reader.uint32()
    case 8: context = try reader.string()
    case 9: sentenceEnds = SentenceEnds(bytes: try reader.data())
    default: return false
    }
    return true
  }

  func check() throws(WireError) { try WireBounds.check(start: start, end: end) }
}
