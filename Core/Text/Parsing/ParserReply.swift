import Foundation
import Records

/// What a parser's child answers. A child may have been taken over by the document that it has read, so a reply is
/// checked like any other input.
package enum ParserReply: Sendable {
  case document(ParsedDocument)
  /// The content, unpacked, is a PDF, which another program reads.
  case pdf([UInt8])
  case fault(ParsingError)

  /// The part of a reply that is JSON. The text, or the PDF's bytes, follow it.
  private struct Head: Codable {
    var fault: ParsingError?
    var isPDF = false
    var title = ""
    var format = DocumentFormat.text
    var pageCount = 0
    var pagesWithoutText: [Int] = []
    /// A JSON object, as in a document record.
    var metadata = "{}"
    /// Consecutive blocks under the same headings share one entry.
    var headingPaths: [[String]] = []
    var contexts: [String] = []
    /// For each block: the number of its kind, its start and end in the text, and the indices of its heading path and
    /// context.
    var blocks: [[Int]] = []
  }

  private static let kinds: [ParsedDocument.Block.Kind] = [.heading, .prose, .code, .row]

  /// Enough for some 300,000 blocks: many more than a document may have chunks.
  package static let headBytesMax = 8 << 20
  private static let titleBytesMax = 8192
  private static let headingsMax = 64
  private static let pagesMax = 1_000_000
  private static let faults: Set<ErrorCode> = [
    .badEncoding, .badPDF, .unsupportedMediaType, .unreadable, .tooLong, .tooComplex, .noText, .emptyText,
    .parserMemory,
    .parserTimeout, .badValue, .machineFault,
  ]
  private static let headingBytesMax = 1000
  private static let contextBytesMax = 2000
  private static let metadataBytesMax = 1 << 20

  /// - Returns: the head in JSON, and the body; nil if the head can't be written as JSON.
  package var parts: (head: [UInt8], body: [UInt8])? {
    var head = Head()
    var body: [UInt8] = []
    switch self {
    case .fault(let fault): head.fault = fault
    case .pdf(let bytes):
      head.isPDF = true
      body = bytes
    case .document(let document):
      head.title = document.title
      head.format = document.format
      head.pageCount = document.pageCount
      head.pagesWithoutText = document.pagesWithoutText
      head.metadata =
        JSONValue.object(
          document.metadata.sorted { $0.key < $1.key }.map { JSONMember(name: $0.key, value: $0.value.json) }
        ).text
      body = document.text
      for block in document.blocks {
        if head.headingPaths.last != block.headingPath { head.headingPaths.append(block.headingPath) }
        if head.contexts.last != block.context { head.contexts.append(block.context) }
        head.blocks.append([
          Self.kinds.firstIndex(of: block.kind) ?? 0, block.range.lowerBound, block.range.upperBound,
          head.headingPaths.count - 1, head.contexts.count - 1,
        ])
      }
    }
    return (try? JSONEncoder().encode(head)).map { (Array($0), body) }
  }

  /// - Returns: nil for an invalid reply.
  package init?(head bytes: [UInt8], body: [UInt8]) {
    guard let head = try? JSONDecoder().decode(Head.self, from: Data(bytes)) else { return nil }
    if let fault = head.fault {
      // Other codes judge records, which a reader never does.
      guard Self.faults.contains(fault.code) else { return nil }
      self = .fault(fault)
      return
    }
    if head.isPDF {
      self = .pdf(body)
      return
    }
    guard String(validating: body, as: UTF8.self) != nil, head.title.utf8.count <= Self.titleBytesMax,
      head.contexts.allSatisfy({ $0.utf8.count <= Self.contextBytesMax }),
      head.headingPaths.allSatisfy({ path in
        path.count <= Self.headingsMax && path.allSatisfy { $0.utf8.count <= Self.headingBytesMax }
      })
    else { return nil }
    var document = ParsedDocument(text: body, blocks: [], title: head.title)
    document.format = head.format
    guard (0...Self.pagesMax).contains(head.pageCount), head.pagesWithoutText.count <= head.pageCount,
      head.pagesWithoutText.allSatisfy({ (0..<head.pageCount).contains($0) }),
      zip(head.pagesWithoutText, head.pagesWithoutText.dropFirst()).allSatisfy({ $0 < $1 })
    else { return nil }
    document.pageCount = head.pageCount
    document.pagesWithoutText = head.pagesWithoutText
    guard head.metadata.utf8.count <= Self.metadataBytesMax,
      let metadata = try? JSONReader.read(Array(head.metadata.utf8)), let members = metadata.members
    else { return nil }
    for member in members {
      guard let value = try? MetadataValue(json: member.value, field: member.name) else { return nil }
      document.metadata[member.name] = value
    }
    var end = 0
    for block in head.blocks {
      guard block.count == 5, Self.kinds.indices.contains(block[0]), end <= block[1], block[1] <= block[2],
        block[2] <= body.count, Self.isBoundary(block[1], body), Self.isBoundary(block[2], body),
        head.headingPaths.indices.contains(block[3]), head.contexts.indices.contains(block[4])
      else { return nil }
      end = block[2]
      document.blocks.append(
        .init(
          kind: Self.kinds[block[0]], range: block[1]..<block[2], headingPath: head.headingPaths[block[3]],
          context: head.contexts[block[4]]))
    }
    self = .document(document)
  }

  private static func isBoundary(_ offset: Int, _ text: [UInt8]) -> Bool {
    offset == text.count || text[offset] & 0xC0 != 0x80
  }
}
