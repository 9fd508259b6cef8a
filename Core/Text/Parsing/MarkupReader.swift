import Foundation

/// Reads Markdown and HTML in a process of its own, which can be stopped.
///
/// cmark-gfm 0.29 takes quadratic time on some inputs: 100 kB of `|\n-|\n` take 17 s, 200 kB 70 s, 8 MB would take a day,
/// and a call into a library can't be ended from outside. Small markup is read in place all the same: the worst that is
/// known takes two seconds, and a process costs 20 ms of processor time.
package struct MarkupReader: Sendable {
  /// Larger markup, in bytes, is read by a child.
  package static let inPlaceBytesMax = 32 << 10
  package static let commandName = "read-markup"

  /// A program whose command `read-markup` prints what `output(of:type:)` returns.
  private let executable: String

  package init(executable: String) { self.executable = executable }

  func read(_ text: String, _ type: MediaType, _ limits: ParsingLimits) throws(ParsingError) -> ParsedDocument
  {
    // The structure of a text is larger than the text where its blocks are short.
    let outputBytesMax = 4 * limits.textBytesMax
    let output: [UInt8]
    do throws(ParsingError) {
      output = try ChildProcess.run(
        executable, [Self.commandName, type.rawValue, "{}"], input: Array(text.utf8), limits: limits,
        outputBytesMax: outputBytesMax)
    } catch {
      switch error.code {
      case "parser_unavailable":
        throw ParsingError(ParsingError.machineFault, rule: "can't be read at the moment: no reader starts")
      case "too_long":
        throw ParsingError(
          "too_long",
          rule: "must take at most 4 times ingest.textBytesMax with its structure, \(outputBytesMax) bytes")
      default: throw error
      }
    }
    guard let document = Message.document(output) else {
      throw ParsingError("unreadable", rule: "must be readable: its reader printed something else")
    }
    return try document.get()
  }

  /// What the child prints: a line of JSON, then the text.
  ///
  /// - Parameter type: `text/markdown` or `text/html`.
  /// - Returns: nil when the type is another one.
  package static func output(of source: [UInt8], type: String) -> [UInt8]? {
    let text = String(decoding: source, as: UTF8.self)
    switch MediaType(rawValue: type) {
    case .markdown: return Message.bytes(.success(Markdown.parse(text)))
    case .html:
      do throws(ParsingError) {
        return Message.bytes(.success(try HTML.parse(text)))
      } catch {
        return Message.bytes(.failure(error))
      }
    default: return nil
    }
  }
}

/// A parsed document, or why there is none, between two processes.
private struct Message: Codable {
  var fault: ParsingError?
  var title = ""
  /// Each once in a row: blocks that follow each other share one.
  var headingPaths: [[String]] = []
  /// For each block its kind's number, start and end in the text, and the index of its heading path.
  var blocks: [[Int]] = []

  private static let kinds: [ParsedDocument.Block.Kind] = [.heading, .prose, .code]

  static func bytes(_ result: Result<ParsedDocument, ParsingError>) -> [UInt8]? {
    var message = Message()
    var text: [UInt8] = []
    switch result {
    case .failure(let fault): message.fault = fault
    case .success(let document):
      message.title = document.title
      text = document.text
      for block in document.blocks {
        if message.headingPaths.last != block.headingPath { message.headingPaths.append(block.headingPath) }
        message.blocks.append([
          kinds.firstIndex(of: block.kind) ?? 0, block.range.lowerBound, block.range.upperBound,
          message.headingPaths.count - 1,
        ])
      }
    }
    guard let head = try? JSONEncoder().encode(message) else { return nil }
    return Array(head) + [0x0A] + text
  }

  /// - Returns: nil for bytes that no child of ours prints.
  static func document(_ bytes: [UInt8]) -> Result<ParsedDocument, ParsingError>? {
    guard let end = bytes.firstIndex(of: 0x0A),
      let message = try? JSONDecoder().decode(Message.self, from: Data(bytes[..<end]))
    else { return nil }
    if let fault = message.fault { return .failure(fault) }
    let text = Array(bytes[(end + 1)...])
    guard String(validating: text, as: UTF8.self) != nil else { return nil }
    var document = ParsedDocument(text: text, blocks: [], title: message.title)
    for block in message.blocks {
      guard block.count == 4, kinds.indices.contains(block[0]), 0 <= block[1], block[1] <= block[2],
        block[2] <= text.count, isBoundary(block[1], text), isBoundary(block[2], text),
        message.headingPaths.indices.contains(block[3])
      else { return nil }
      document.blocks.append(
        .init(
          kind: kinds[block[0]], range: block[1]..<block[2], headingPath: message.headingPaths[block[3]]))
    }
    return .success(document)
  }

  private static func isBoundary(_ offset: Int, _ text: [UInt8]) -> Bool {
    offset == text.count || text[offset] & 0xC0 != 0x80
  }
}
