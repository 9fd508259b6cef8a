import Foundation
import HTTPClient
import Records
import Time

/// A chat endpoint with OpenAI's protocol, streamed.
package struct ChatClient: Sendable {
  package struct Options: Sendable {
    package var url: String
    package var model: String
    package var apiKey: String
    package var answerTokensMax: Int
    package var timeout: Duration

    package init(url: String, model: String, apiKey: String, answerTokensMax: Int, timeout: Duration) {
      self.url = url
      self.model = model
      self.apiKey = apiKey
      self.answerTokensMax = answerTokensMax
      self.timeout = timeout
    }
  }

  /// Why there is no (whole) answer.
  package struct Failure: Error, Sendable, CustomStringConvertible {
    package enum Reason: String, Sendable {
      case unreachable, timeout, overloaded, refused, broken
    }
    package var reason: Reason
    package var message: String
    package var description: String { "LLM \(reason.rawValue): \(message)" }
  }

  /// What one request took.
  package struct Result: Sendable {
    package var text = ""
    package var usage = AnswerRecord.Usage()
    package var model = ""
    package var firstTokenSeconds: Double?
    package var seconds = 0.0
  }

  private static let answerBytesMax = 1 << 20
  private let http: HTTPClient
  package let options: Options

  package init(_ http: HTTPClient, _ options: Options) {
    self.http = http
    self.options = options
  }

  /// Asks, and asks again after 429 and 503 for as long as the deadline allows, as `Retry-After` says.
  ///
  /// - Parameters:
  ///   - deadline: of the query; the request's own limit is the nearer of it and `options.timeout`.
  ///   - onText: each piece of text as it comes.
  /// - Throws: `Failure`, `CancellationError`.
  package func answer(
    _ messages: [ChatMessage], deadline: ContinuousClock.Instant, onText: (String) async -> Void
  ) async throws -> Result {
    let end = min(deadline, .now + options.timeout)
    var backoff = Backoff(first: .milliseconds(250), max: .seconds(8))
    while true {
      do {
        return try await attempt(messages, end, onText)
      } catch let retry as Retry {
        // Whatever a server says: never at once, and no number that can't be a time.
        let asked = retry.after.map { $0.isFinite ? min(max(0, $0), 86_400) : 86_400 } ?? 0
        let pause = backoff.next()
        let wait = asked > 0 ? Duration.milliseconds(Int64(asked * 1000)) : pause
        guard ContinuousClock.now + wait < end else {
          throw Failure(
            reason: .overloaded, message: "HTTP \(retry.status), and no time is left to try again")
        }
        try await Task.sleep(for: wait)
      }
    }
  }

  private struct Retry: Error {
    var status: Int
    var after: Double?
  }

  private func attempt(
    _ messages: [ChatMessage], _ end: ContinuousClock.Instant, _ onText: (String) async -> Void
  ) async throws -> Result {
    let start = ContinuousClock.now
    guard end > start else { throw Failure(reason: .timeout, message: "no time is left") }
    var result = Result()
    var events = ServerSentEvents()
    var status = 0
    var errorBody: [UInt8] = []
    var isDone = false
    do {
      for try await event in http.send(request(messages, timeout: end - start)) {
        switch event {
        case .head(let code, let retryAfter):
          status = code
          if code == 429 || code == 503 { throw Retry(status: code, after: retryAfter) }
        case .body(let bytes):
          guard status == 200 else {
            errorBody += bytes.prefix(2000 - min(errorBody.count, 2000))
            continue
          }
          for data in events.feed(bytes) where data != "[DONE]" {
            guard let text = try read(data, &result, &isDone), !text.isEmpty else { continue }
            if result.firstTokenSeconds == nil {
              result.firstTokenSeconds = (ContinuousClock.now - start).seconds
            }
            result.text += text
            await onText(text)
          }
        }
      }
    } catch let failure as HTTPClientFailure {
      let reason: Failure.Reason =
        switch failure.reason {
        case .unreachable: .unreachable
        case .timeout: .timeout
        case .tooLarge, .broken, .invalid: .broken
        }
      throw Failure(reason: reason, message: failure.message)
    }
    try Task.checkCancellation()
    guard status == 200 else {
      throw Failure(
        reason: .refused, message: "HTTP \(status) \(String(decoding: errorBody.prefix(300), as: UTF8.self))")
    }
    // A stream that ends without a reason to finish was cut off: half a sentence is no answer.
    guard isDone else { throw Failure(reason: .broken, message: "the stream ended early") }
    result.seconds = (ContinuousClock.now - start).seconds
    return result
  }

  private func request(_ messages: [ChatMessage], timeout: Duration) -> HTTPRequest {
    var headers = [
      (name: "Content-Type", value: "application/json"), (name: "Accept", value: "text/event-stream"),
    ]
    if !options.apiKey.isEmpty { headers.append(("Authorization", "Bearer \(options.apiKey)")) }
    let body: JSONValue = .object([
      "model": .string(options.model),
      "messages": .array(
        messages.map { .object(["role": .string($0.role.rawValue), "content": .string($0.content)]) }),
      "max_tokens": .int(options.answerTokensMax), "temperature": .double(0), "stream": .bool(true),
      "stream_options": .object(["include_usage": .bool(true)]),
    ])
    return HTTPRequest(
      url: options.url + "/chat/completions", headers: headers, body: body.bytes, timeout: timeout,
      responseBytesMax: Self.answerBytesMax * 16)
  }

  /// - Returns: the text of one event, nil for an event that carries none.
  private func read(_ data: String, _ result: inout Result, _ isDone: inout Bool) throws -> String? {
    let value: JSONValue
    do {
      value = try JSONReader.read(Array(data.utf8))
    } catch {
      throw Failure(reason: .broken, message: "an event is not JSON")
    }
    if let error = value["error"] {
      throw Failure(reason: .refused, message: error["message"]?.stringValue ?? error.text)
    }
    if let usage = value["usage"], usage.members != nil {
      result.usage = AnswerRecord.Usage(
        promptTokens: Int(clamping: usage["prompt_tokens"]?.integerValue ?? 0),
        completionTokens: Int(clamping: usage["completion_tokens"]?.integerValue ?? 0))
    }
    if let model = value["model"]?.stringValue { result.model = String(model.prefix(200)) }
    guard let choice = value["choices"]?.arrayValue?.first else { return nil }
    if choice["finish_reason"]?.stringValue != nil { isDone = true }
    guard result.text.utf8.count < Self.answerBytesMax else {
      throw Failure(reason: .broken, message: "the answer has no end")
    }
    return choice["delta"]?["content"]?.stringValue
  }
}
