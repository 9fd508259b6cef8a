import Records
import Foundation

/// Parses Markdown and HTML in a child process, which can be killed.
///
/// cmark-gfm 0.29 takes quadratic time on some inputs: 17 s for 100 kB of `|\n-|\n`, 70 s for 200 kB, about a
/// day for 8 MB. A call into a library can't be stopped from outside. Small markup is still parsed in this
/// process: the worst known input takes two seconds, and a child process costs 20 ms of processor time.
package struct MarkupReader: Sendable {
  /// Markup of more bytes is parsed in a child process.
  package static let inPlaceBytesMax = 32 << 10
  package static let commandName = "read-markup"

  /// The program whose command `read-markup` prints the result of `output(of:type:)`.
  private let executable: String

  package init(executable: String) { self.executable = executable }

  func read(_ text: String, _ type: MediaType, _ limits: ParsingLimits) throws(ParsingError) -> ParsedDocument
  {
    // With many short blocks, the structure is larger than the text.
    let outputBytesMax = 4 * limits.textBytesMax
    let output: [UInt8]
    do throws(ParsingError) {
      output = try ChildProcess.run(
        executable, [Self.commandName, type.rawValue, "{}"], input: Array(text.utf8), limits: limits,
        outputBytesMax: outputBytesMax)
    } catch {
      switch error.code {
      case .parserUnavailable:
        throw ParsingError(.machineFault, rule: "can't be read at the moment: the reader does not start")
      case .tooLong:
        throw ParsingError(
          .tooLong,
          rule: "must take at most 4 times ingest.textBytesMax with its structure, \(outputBytesMax) bytes")
      default: throw error
      }
    }
    guard let document = Message.document(output) else {
      throw ParsingError(.unreadable, rule: "must be readable: its reader printed unexpected output")
    }
    return try document.get()
  }

  /// The output of the child: a line of JSON, then the text.
  ///
  /// - Parameter type: `text/markdown` or `text/html`.
  /// - Returns: nil for any other type.
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

/// The child's message: a parsed document, or the reason why there is none.
private struct Message: Codable {
  var fault: ParsingError?
  var title = ""
  /// Consecutive blocks under the same headings share one entry.
  var headingPaths: [[String]] = []
  /// For each block: the number of its kind, its start and end in the text, and the index of its heading
  /// path.
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

  /// - Returns: nil for bytes that are not in the child's format.
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
