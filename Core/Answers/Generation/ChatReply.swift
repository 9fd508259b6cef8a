import Foundation
import HTTPClient
import Records

/// Reads the body of a chat endpoint's reply, which arrives in pieces: a stream of events, or one JSON object. A value
/// without I/O.
struct ChatReply: Sendable {
  /// The server refused the request, with an HTTP status or with an error in the reply.
  struct Refused: Error {
    /// The HTTP status, or the code of an error in the reply; 0 when that error has no code.
    var status: Int
    /// In seconds, as the server said; not trusted.
    var retryAfter: Double?
    var body: [UInt8]
    /// True when some text had already arrived, so that a part of the answer may have been given out.
    var isLate = false
  }

  private enum Form { case unknown, events, object }

  private static let textBytesMax = 1 << 20
  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  /// What is known of the answer so far.
  private(set) var result = ChatClient.Result()
  /// True once the reply is known to be complete.
  private(set) var isDone = false
  /// True once the server has begun to answer.
  private(set) var isAccepted = false
  private var form = Form.unknown
  /// The bytes of a body that is no stream, or is not yet known to be one.
  private var whole: [UInt8] = []
  private var events = ServerSentEvents()
  private var thoughts: ThoughtFilter
  private var textBytes = 0

  /// - Parameter holdsBack: as for `ThoughtFilter`.
  init(holdsBack: Bool = false) { thoughts = ThoughtFilter(holdsBack: holdsBack) }

  /// True once a thought ended that no tag had opened.
  var endedUnopened: Bool { thoughts.endedUnopened }

  /// - Returns: what the bytes add to the answer.
  /// - Throws: `Refused` for an error that the server sends; `ChatFailure` for a reply that can't be read.
  mutating func feed(_ bytes: [UInt8]) throws -> [ChatEvent] {
    if form == .events { return try read(events.feed(bytes)) }
    whole += bytes
    // The first byte tells the forms apart, not `Content-Type`: servers and proxies often set that wrongly.
    guard form == .unknown, let first = whole.first(where: { !Self.isBlank($0) }) else { return [] }
    form = first == UInt8(ascii: "{") ? .object : .events
    guard form == .events else { return [] }
    defer { whole = [] }
    return try read(events.feed(whole))
  }

  /// Ends the body.
  ///
  /// - Returns: the rest of the answer, including text that was held back.
  /// - Throws: the same as `feed`; `ChatFailure` for a reply that was cut off.
  mutating func end() throws -> [ChatEvent] {
    var found: [ChatEvent] = []
    switch form {
    case .unknown: throw ChatFailure(reason: .broken, message: "the reply is empty")
    case .events: found = try read(events.finish())
    case .object:
      if whole.starts(with: Self.byteOrderMark) { whole.removeFirst(Self.byteOrderMark.count) }
      guard let value = try? JSONReader.read(whole) else {
        throw ChatFailure(reason: .broken, message: "the reply is not JSON, or was cut off")
      }
      found = try take(value)
      guard value["choices"]?.arrayValue?.isEmpty == false else {
        throw ChatFailure(reason: .broken, message: "the reply has no choices")
      }
      isDone = true
    }
    // An answer that breaks off could end with half a sentence, so it is not used.
    guard isDone else {
      throw ChatFailure(
        reason: .broken,
        message: isAccepted ? "the stream ended early" : "the reply is neither a stream of events nor JSON")
    }
    return found + keep(thoughts.finish())
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    [0x20, 0x09, 0x0A, 0x0D].contains(byte) || byteOrderMark.contains(byte)
  }

  private mutating func read(_ list: [String]) throws -> [ChatEvent] {
    var found: [ChatEvent] = []
    for data in list { found += try read(data) }
    guard !events.isBroken else {
      throw ChatFailure(reason: .broken, message: "a line of the stream is too long")
    }
    return found
  }

  private mutating func read(_ data: String) throws -> [ChatEvent] {
    let data = data.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !data.isEmpty else { return [] }
    if data == "[DONE]" {
      isDone = true
      return []
    }
    if let value = try? JSONReader.read(Array(data.utf8)) { return try take(value) }
    // Some servers send no blank line between their events, so one event may hold several.
    let lines = data.split(separator: "\n")
    guard lines.count > 1 else { throw ChatFailure(reason: .broken, message: "an event is not JSON") }
    var found: [ChatEvent] = []
    for line in lines { found += try read(String(line)) }
    return found
  }

  private mutating func take(_ value: JSONValue) throws -> [ChatEvent] {
    let error = value["error"] ?? .null
    if error != .null || value["object"]?.stringValue == "error" {
      let codes = [error["code"], error["status"], value["code"]].compactMap { code in
        code?.integerValue ?? code?.stringValue.flatMap { Int64($0) }
      }
      throw Refused(
        status: Int(clamping: codes.first ?? 0), body: value.bytes, isLate: textBytes > 0)
    }
    isAccepted = true
    if let usage = value["usage"], usage.members != nil {
      result.usage = AnswerRecord.Usage(
        promptTokens: Int(clamping: usage["prompt_tokens"]?.integerValue ?? 0),
        completionTokens: Int(clamping: usage["completion_tokens"]?.integerValue ?? 0))
    }
    if let model = value["model"]?.stringValue { result.model = String(model.prefix(200)) }
    guard let choice = value["choices"]?.arrayValue?.first else { return [] }
    let text = Self.text(choice["delta"]?["content"]) ?? wholeText(choice) ?? ""
    textBytes += text.utf8.count
    guard textBytes <= Self.textBytesMax else {
      throw ChatFailure(reason: .broken, message: "the answer is too long")
    }
    let found = keep(thoughts.feed(text))
    if let finish = choice["finish_reason"]?.stringValue.flatMap({ ChatFinish($0) }) {
      result.finish = finish
      isDone = true
    }
    return found
  }

  /// The text of a reply that is not streamed. Some servers repeat it at the end of a stream, where it is ignored.
  private func wholeText(_ choice: JSONValue) -> String? {
    textBytes > 0 ? nil : Self.text(choice["message"]?["content"])
  }

  /// The text of `content`, without parts that are not text. `reasoning_content`, `reasoning` and `refusal` are not
  /// part of the answer and are not read.
  private static func text(_ content: JSONValue?) -> String? {
    guard let parts = content?.arrayValue else { return content?.stringValue }
    return parts.compactMap { part in
      let type = part["type"]?.stringValue ?? "text"
      return ["text", "output_text"].contains(type) ? part["text"]?.stringValue : nil
    }.joined()
  }

  private mutating func keep(_ events: [ChatEvent]) -> [ChatEvent] {
    for event in events {
      switch event {
      case .text(let text): result.text += text
      case .restart: result.text = ""
      }
    }
    return events
  }
}
