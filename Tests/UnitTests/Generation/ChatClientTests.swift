import Foundation
import Generation
import HTTPClient
import HTTPServer
import Records
import Synchronization
import Testing

// Goal: when a server refuses parts of a request, the client asks again without them, and remembers what it learned.
// Method: our own HTTP server imitates other servers.

@Suite(.timeLimit(.minutes(20))) struct ChatClientTests {
  private struct Request {
    var body: JSONValue
    var roles: [String] { (body["messages"]?.arrayValue ?? []).compactMap { $0["role"]?.stringValue } }
    func has(_ name: String) -> Bool { body[name] != nil }
  }

  /// A server that answers as a closure says, and remembers what it was asked.
  private final class Server: Sendable {
    private let requests = Mutex<[Request]>([])
    private let server: Mutex<HTTPServer?> = Mutex(nil)

    init(_ answer: @escaping @Sendable (Request) -> HTTPResponse) throws {
      let started = try HTTPServer.start(host: "127.0.0.1", port: 0) { [weak self] exchange in
        let request = Request(body: (try? JSONReader.read(exchange.request.body)) ?? .null)
        self?.requests.withLock { $0.append(request) }
        exchange.respond(answer(request))
      }
      server.withLock { $0 = started }
    }

    var port: UInt16 { server.withLock { $0?.port ?? 0 } }
    /// The requests since the last call of this function.
    func asked() -> [Request] {
      requests.withLock { requests in
        defer { requests = [] }
        return requests
      }
    }
  }

  private func client(_ server: Server) -> ChatClient {
    ChatClient(
      HTTPClient(),
      ChatClient.Options(
        url: "http://127.0.0.1:\(server.port)/v1", model: "m", apiKey: "key-12345678", answerTokensMax: 9,
        timeout: .seconds(120)))
  }

  private static func refusal(_ status: Int, _ message: String) -> HTTPResponse {
    HTTPResponse(status: status, contentType: .json, body: #"{"error":{"message":"\#(message)"}}"#)
  }

  private static func stream(_ text: String, _ finish: String = "stop") -> HTTPResponse {
    HTTPResponse(
      status: 200, contentType: .eventStream,
      body: #"data: {"choices":[{"delta":{"content":"\#(text)"},"finish_reason":"\#(finish)"}]}"# + "\n\n")
  }

  private let messages = [
    ChatMessage(role: .system, content: "Copy."), ChatMessage(role: .assistant, content: "Hello."),
    ChatMessage(role: .user, content: "One?"),
    ChatMessage(role: .user, content: "Which colour has the lamp?"),
  ]

  private func ask(_ client: ChatClient) async throws -> (result: ChatClient.Result, events: [ChatEvent]) {
    let events = Mutex<[ChatEvent]>([])
    let result = try await client.answer(messages, deadline: .now + .seconds(120)) { event in
      events.withLock { $0.append(event) }
    }
    return (result, events.withLock { $0 })
  }

  @Test("parts that a server refuses one after the other are left out, and later left out at once")
  func learns() async throws {
    let server = try Server { request in
      if request.has("max_tokens") {
        return Self.refusal(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
      }
      if request.has("temperature") { return Self.refusal(422, "temperature: only the default is supported") }
      if request.has("stream_options") {
        return Self.refusal(400, "Extra inputs are not permitted: stream_options")
      }
      if request.roles.contains("system") { return Self.refusal(400, "System role not supported") }
      if request.roles != ["user"] { return Self.refusal(400, "Conversation roles must alternate") }
      return Self.stream("Red.")
    }
    let client = client(server)
    #expect(try await ask(client).result.text == "Red.")
    #expect(server.asked().count == 6)
    let lesson = try #require(client.takeLesson())
    #expect(
      lesson.sentence.hasPrefix("Unsupported parameter: 'max_tokens'.")
        && lesson.sentence.hasSuffix("alternate"))
    #expect(
      lesson.dialect == client.dialect && lesson.dialect.settings(unlike: client.options.dialect).count == 5)
    #expect(try await ask(client).result.text == "Red.")
    let next = server.asked()
    #expect(next.count == 1 && next.first?.roles == ["user"], "the dialect is remembered")
    #expect(next.first?.body["max_completion_tokens"]?.integerValue == 9)
    #expect(client.takeLesson() == nil, "the lesson is reported once")
  }

  @Test("the first request has every parameter, but no assistant message before the first user message")
  func first() async throws {
    let server = try Server { _ in Self.stream("Red.") }
    #expect(try await ask(client(server)).result.finish == .stop)
    let request = try #require(server.asked().first)
    #expect(request.roles == ["system", "user", "user"])
    for name in ["model", "max_tokens", "temperature", "stream", "stream_options"] {
      #expect(request.has(name), "\(name)")
    }
  }

  @Test("a refusal that no other request avoids fails with the server's sentence, without key and question")
  func refused() async throws {
    let server = try Server { _ in
      Self.refusal(400, "max_tokens and key key-12345678 are unknown for Which colour has the lamp?")
    }
    let client = client(server)
    await #expect { try await ask(client) } throws: { error in
      guard let failure = error as? ChatFailure else { return false }
      return failure.reason == .refused && failure.status == 400
        && failure.message == "HTTP 400: max_tokens and key (hidden) are unknown for (text)"
    }
    #expect(server.asked().count == 2, "the parameter's other name was tried once")
    #expect(client.dialect == ChatDialect() && client.takeLesson() == nil, "nothing was learned")
  }

  @Test("an overloaded server is asked again; its sentence is reported when there is no time left")
  func overloaded() async throws {
    let count = Mutex(0)
    let server = try Server { _ in
      var response = Self.refusal(429, "You exceeded your current quota.")
      let isFirst = count.withLock { count in
        count += 1
        return count == 1
      }
      response.headers = [("Retry-After", isFirst ? "0" : "600")]
      return response
    }
    await #expect { try await ask(client(server)) } throws: { error in
      guard let failure = error as? ChatFailure else { return false }
      return failure.reason == .overloaded && failure.status == 429
        && failure.message.hasSuffix(": You exceeded your current quota.")
    }
    #expect(server.asked().count == 2)
  }

  @Test("thoughts are taken back; once the model is known to think, they are held back")
  func thoughts() async throws {
    let server = try Server { _ in
      var response = Self.stream("Blue.", "")
      response.body += Self.stream("</think>Red.").body
      return response
    }
    let client = client(server)
    let first = try await ask(client)
    #expect(first.result.text == "Red." && first.events == [.text("Blue."), .restart, .text("Red.")])
    let second = try await ask(client)
    #expect(second.result.text == "Red." && second.events == [.text("Red.")])
  }

  @Test("a reply that is not streamed is read; a stream without an end is an error")
  func forms() async throws {
    let whole = try Server { _ in
      HTTPResponse(
        status: 200, contentType: .json,
        body:
          #"{"choices":[{"message":{"content":"Red."},"finish_reason":"length"}],"usage":{"prompt_tokens":3}}"#
      )
    }
    let (result, events) = try await ask(client(whole))
    #expect(result.finish == .length && result.usage.promptTokens == 3 && events == [.text("Red.")])
    let cut = try Server { _ in Self.stream("Red. Blu", "") }
    await #expect { try await ask(client(cut)) } throws: { ($0 as? ChatFailure)?.reason == .broken }
  }
}
