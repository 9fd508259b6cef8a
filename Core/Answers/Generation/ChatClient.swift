import Foundation
import HTTPClient
import Records
import Time

/// A client of a chat endpoint with OpenAI's protocol. Answers are streamed if the endpoint can do that.
package struct ChatClient: Sendable {
  /// The endpoint and how requests are made. `timeout` limits one answer with all its retries.
  package struct Options: Sendable {
    package var url: String
    package var model: String
    package var apiKey: String
    package var answerTokensMax: Int
    package var timeout: Duration
    /// The dialect of the first request. What the server refuses is left out of later requests.
    package var dialect: ChatDialect

    package init(
      url: String, model: String, apiKey: String, answerTokensMax: Int, timeout: Duration,
      dialect: ChatDialect = ChatDialect()
    ) {
      self.url = url
      self.model = model
      self.apiKey = apiKey
      self.answerTokensMax = answerTokensMax
      self.timeout = timeout
      self.dialect = dialect
    }
  }

  /// An answer, with its usage and times.
  package struct Result: Sendable {
    package var text = ""
    package var finish = ChatFinish.unknown
    package var usage = AnswerRecord.Usage()
    package var model = ""
    package var firstTokenSeconds: Double?
    package var seconds = 0.0
  }

  /// A dialect that the server has accepted after it had refused another.
  package struct Lesson: Sendable {
    package var dialect: ChatDialect
    /// What the server said about the refused dialect, without keys and users' text, so that it can be logged.
    package var sentence: String
  }

  private static let replyBytesMax = 16 << 20
  private static let errorBytesMax = 16 << 10
  private let http: HTTPClient
  private let habits: ChatHabits
  package let options: Options

  package init(_ http: HTTPClient, _ options: Options) {
    self.http = http
    self.options = options
    habits = ChatHabits(options.dialect)
  }

  /// The dialect of the next request.
  package var dialect: ChatDialect { habits.dialect }

  /// Returns what was learned from the server since `takeLesson` was last called; nil when nothing was.
  package func takeLesson() -> Lesson? { habits.takeLesson() }

  /// Sends the messages. After HTTP 429 and 503 it retries as `Retry-After` says, while the deadline allows. After HTTP
  /// 400 and 422 it retries at once without what the server refuses, and remembers that.
  ///
  /// - Parameters:
  ///   - deadline: the answer must be complete by then and within `options.timeout`.
  ///   - onEvent: called with each piece of text as it arrives. After `.restart` the answer begins anew.
  /// - Throws: `ChatFailure`, `CancellationError`.
  package func answer(
    _ messages: [ChatMessage], deadline: ContinuousClock.Instant, onEvent: (ChatEvent) async -> Void
  ) async throws -> Result {
    let end = min(deadline, .now + options.timeout)
    var backoff = Backoff(first: .milliseconds(250), max: .seconds(8))
    var tried = [habits.dialect]
    var sentences: [String] = []
    while true {
      let dialect = tried[tried.count - 1]
      do {
        return try await attempt(messages, dialect, sentences, end, onEvent)
      } catch let refused as ChatReply.Refused {
        let sentence = ServerSentence(refused.body).line(hiding: messages, apiKey: options.apiKey)
        // When `isLate`, a part of the answer may already have been used, so the request is not repeated.
        if !refused.isLate, refused.status == 429 || refused.status == 503 {
          try await pause(refused, sentence, backoff.next(), end)
        } else if !refused.isLate, let next = dialect.adapted(to: refused.status, refused.body),
          !tried.contains(next)
        {
          tried.append(next)
          sentences.append(sentence)
        } else {
          throw ChatFailure(
            reason: .refused, message: Self.message(Self.name(refused.status), sentence),
            status: refused.status > 0 ? refused.status : nil)
        }
      }
    }
  }

  private static func name(_ status: Int) -> String {
    status > 0 ? "HTTP \(status)" : "an error in the reply"
  }

  private static func message(_ status: String, _ sentence: String) -> String {
    sentence.isEmpty ? status : "\(status): \(sentence)"
  }

  /// - Throws: `ChatFailure` when no time is left to try again.
  private func pause(
    _ refused: ChatReply.Refused, _ sentence: String, _ usual: Duration, _ end: ContinuousClock.Instant
  ) async throws {
    // The server's value is not trusted: 0 or less means the usual back-off, and a day is the maximum.
    let asked = refused.retryAfter.map { $0.isFinite ? min(max(0, $0), 86_400) : 86_400 } ?? 0
    let wait = asked > 0 ? Duration.milliseconds(Int64(asked * 1000)) : usual
    guard ContinuousClock.now + wait < end else {
      throw ChatFailure(
        reason: .overloaded,
        message: Self.message("\(Self.name(refused.status)), and no time is left to try again", sentence),
        status: refused.status)
    }
    try await Task.sleep(for: wait)
  }

  /// - Parameter sentences: what the server said when it refused other dialects before this one.
  private func attempt(
    _ messages: [ChatMessage], _ dialect: ChatDialect, _ sentences: [String], _ end: ContinuousClock.Instant,
    _ onEvent: (ChatEvent) async -> Void
  ) async throws -> Result {
    let start = ContinuousClock.now
    guard end > start else { throw ChatFailure(reason: .timeout, message: "no time is left") }
    var reply = ChatReply(holdsBack: habits.thinksUnopened)
    var refused = ChatReply.Refused(status: 0, body: [])
    var firstTokenSeconds: Double?
    func give(_ pieces: [ChatEvent]) async {
      // Remember the dialect even if the reply breaks off later, so that the next call is not refused again.
      if !sentences.isEmpty, reply.isAccepted {
        habits.adopt(dialect, after: sentences.joined(separator: "; "))
      }
      for piece in pieces {
        if firstTokenSeconds == nil { firstTokenSeconds = (ContinuousClock.now - start).seconds }
        await onEvent(piece)
      }
    }
    do {
      for try await event in http.send(request(messages, dialect, timeout: end - start)) {
        switch event {
        case .head(let status, let retryAfter):
          refused.status = status
          refused.retryAfter = retryAfter
        case .body(let bytes):
          guard refused.status == 200 else {
            refused.body += bytes.prefix(Self.errorBytesMax - min(refused.body.count, Self.errorBytesMax))
            continue
          }
          await give(try reply.feed(bytes))
        }
      }
    } catch let failure as HTTPClientFailure {
      // The failure doesn't matter if the server sent an error status, or if the reply was already complete.
      guard refused.status != 0, refused.status != 200 || reply.isDone else { throw ChatFailure(failure) }
    }
    try Task.checkCancellation()
    guard refused.status == 200 else { throw refused }
    await give(try reply.end())
    if reply.endedUnopened { habits.noteUnopenedThought() }
    var result = reply.result
    result.firstTokenSeconds = firstTokenSeconds
    result.seconds = (ContinuousClock.now - start).seconds
    return result
  }

  private func request(_ messages: [ChatMessage], _ dialect: ChatDialect, timeout: Duration) -> HTTPRequest {
    var headers = [
      (name: "Content-Type", value: "application/json"),
      (
        name: "Accept", value: dialect.isStreamed ? "text/event-stream, application/json" : "application/json"
      ),
    ]
    if !options.apiKey.isEmpty { headers.append(("Authorization", "Bearer \(options.apiKey)")) }
    var members = [
      JSONMember(name: "model", value: .string(options.model)),
      JSONMember(
        name: "messages",
        value: .array(
          dialect.messages(messages).map {
            .object(["role": .string($0.role.rawValue), "content": .string($0.content)])
          })),
      JSONMember(name: dialect.tokensParameter.rawValue, value: .int(options.answerTokensMax)),
      JSONMember(name: "stream", value: .bool(dialect.isStreamed)),
    ]
    if let temperature = dialect.temperature {
      members.append(JSONMember(name: "temperature", value: .double(temperature)))
    }
    if dialect.isStreamed, dialect.sendsStreamOptions {
      members.append(
        JSONMember(name: "stream_options", value: .object(["include_usage": .bool(true)])))
    }
    return HTTPRequest(
      url: options.url + "/chat/completions", headers: headers, body: JSONValue.object(members).bytes,
      timeout: timeout, responseBytesMax: Self.replyBytesMax)
  }
}

extension ChatFailure {
  fileprivate init(_ failure: HTTPClientFailure) {
    let reason: Reason =
      switch failure.reason {
      case .unreachable: .unreachable
      case .timeout: .timeout
      case .tooLarge, .broken, .invalid: .broken
      }
    self.init(reason: reason, message: failure.message)
  }
}
