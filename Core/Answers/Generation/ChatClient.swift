import Foundation
import HTTPClient
import Records
import Time

/// A client of a chat endpoint with OpenAI's protocol; answers are streamed.
package struct ChatClient: Sendable {
  /// Where and how to ask; `timeout` limits one answer with all its retries.
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

  /// A complete answer, with its usage and times.
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

  /// Sends the messages. After HTTP 429 and 503 it retries as `Retry-After` says, while the deadline allows.
  ///
  /// - Parameters:
  ///   - deadline: the query's deadline. The answer must be complete by then and within `options.timeout`.
  ///   - onText: called with each piece of text as it arrives.
  /// - Throws: `ChatFailure`, `CancellationError`.
  package func answer(
    _ messages: [ChatMessage], deadline: ContinuousClock.Instant, onText: (String) async -> Void
  ) async throws -> Result {
    let end = min(deadline, .now + options.timeout)
    var backoff = Backoff(first: .milliseconds(250), max: .seconds(8))
    while true {
      do {
        return try await attempt(messages, end, onText)
      } catch let retry as Retry {
        // The server's value is not trusted: 0 or less means the usual back-off, and a day is the maximum.
        let asked = retry.after.map { $0.isFinite ? min(max(0, $0), 86_400) : 86_400 } ?? 0
        let pause = backoff.next()
        let wait = asked > 0 ? Duration.milliseconds(Int64(asked * 1000)) : pause
        guard ContinuousClock.now + wait < end else {
          throw ChatFailure(
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
    guard end > start else { throw ChatFailure(reason: .timeout, message: "no time is left") }
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
      let reason: ChatFailure.Reason =
        switch failure.reason {
        case .unreachable: .unreachable
        case .timeout: .timeout
        case .tooLarge, .broken, .invalid: .broken
        }
      throw ChatFailure(reason: reason, message: failure.message)
    }
    try Task.checkCancellation()
    guard status == 200 else {
      throw ChatFailure(
        reason: .refused, message: "HTTP \(status) \(String(decoding: errorBody.prefix(300), as: UTF8.self))")
    }
    // A stream without a `finish_reason` was cut off, and half a sentence is no answer.
    guard isDone else { throw ChatFailure(reason: .broken, message: "the stream ended early") }
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
      throw ChatFailure(reason: .broken, message: "an event is not JSON")
    }
    if let error = value["error"] {
      throw ChatFailure(reason: .refused, message: error["message"]?.stringValue ?? error.text)
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
      throw ChatFailure(reason: .broken, message: "the answer is too long")
    }
    return choice["delta"]?["content"]?.stringValue
  }
}
