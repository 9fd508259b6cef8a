import Foundation
import Records

/// What a server says about a request that it refused, read from the body of its reply. Servers agree on no format.
struct ServerSentence: Sendable {
  /// The longest sentence for a log, in characters.
  private static let lengthMax = 300
  /// At least this many words in a row that also stand in a message are taken for a quote from it.
  private static let quotedWordsMin = 4
  /// The JSON members in which servers put their sentences.
  private static let textMembers: Set<String> = [
    "message", "msg", "detail", "details", "error", "errors", "title", "reason", "description",
    "error_description", "error_msg",
  ]

  /// The names of request fields in members that are made for them: `param` (OpenAI) and `loc` (FastAPI).
  private(set) var fields: [String] = []
  private var sentences: [String] = []

  /// - Parameter body: JSON or any text.
  init(_ body: [UInt8]) {
    guard let value = try? JSONReader.read(body) else {
      sentences = [String(decoding: body, as: UTF8.self)]
      return
    }
    collect(value)
  }

  /// All sentences.
  var text: String { sentences.joined(separator: "; ") }

  private mutating func collect(_ value: JSONValue) {
    switch value {
    case .string(let text):
      if !text.isEmpty, !sentences.contains(text) { sentences.append(text) }
    case .array(let items):
      for item in items.prefix(8) { collect(item) }
    case .object(let members):
      let count = sentences.count
      for member in members where Self.textMembers.contains(member.name) { collect(member.value) }
      if let name = value["param"]?.stringValue { fields.append(name) }
      let place = (value["loc"]?.arrayValue ?? []).compactMap(\.stringValue).filter { $0 != "body" }
      fields += place
      // FastAPI's sentence alone does not say which field it is about.
      if !place.isEmpty, sentences.count > count {
        sentences[sentences.count - 1] += " (\(place.joined(separator: ".")))"
      }
    case .null, .bool, .number: break
    }
  }

  /// One line for a log, without control characters and API keys. Quotes from the messages are hidden, because the
  /// messages are users' text.
  func line(hiding messages: [ChatMessage], apiKey: String) -> String {
    var line = String(text.prefix(4000).map { Self.isControl($0) ? " " : $0 })
    if apiKey.count >= 4 { line = line.replacing(apiKey, with: "(hidden)") }
    line = line.replacing(
      /\b(?:sk|pk|gsk|xai|hf)[\-_][A-Za-z0-9_\-*.]{8,}/.ignoresCase().wordBoundaryKind(.simple),
      with: "(hidden)")
    line = line.replacing(
      /(bearer|key)((?: provided)?[:=\s'"]+)(?=\S*[0-9*])[^\s'"]{8,}/.ignoresCase()
    ) { "\($0.1)\($0.2)(hidden)" }
    let words = Self.withoutQuotes(line.split(whereSeparator: \.isWhitespace).map(String.init), of: messages)
    return String(words.joined(separator: " ").prefix(Self.lengthMax))
  }

  private static func isControl(_ character: Character) -> Bool {
    character.unicodeScalars.contains {
      [.control, .format, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory)
    }
  }

  private static func withoutQuotes(_ words: [String], of messages: [ChatMessage]) -> [String] {
    let said = messages.flatMap { $0.content.split(whereSeparator: \.isWhitespace) }.joined(separator: " ")
    var result: [String] = []
    var index = 0
    while index < words.count {
      var end = index
      while end < words.count,
        end - index < quotedWordsMin || said.contains(words[index...end].joined(separator: " "))
      {
        end += 1
      }
      let isQuote =
        end - index >= quotedWordsMin && said.contains(words[index..<end].joined(separator: " "))
      result.append(isQuote ? "(text)" : words[index])
      index = isQuote ? end : index + 1
    }
    return result
  }
}
