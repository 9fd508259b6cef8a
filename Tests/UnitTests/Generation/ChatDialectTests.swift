import Generation
import Testing

// Goal: a request that a server refuses is repeated without the part that the server names, and otherwise unchanged.
// Method: error messages of real servers.

@Suite struct ChatDialectTests {
  private func adapted(_ body: String, _ dialect: ChatDialect = ChatDialect(), status: Int = 400)
    -> ChatDialect?
  {
    dialect.adapted(to: status, Array(body.utf8))
  }

  private static let newer = ChatDialect(tokensParameter: .maxCompletionTokens)
  private static let plain = ChatDialect(temperature: nil)
  private static let bare = ChatDialect(sendsStreamOptions: false)
  private static let userOnly = ChatDialect(hasSystemRole: false)
  private static let strict = ChatDialect(hasStrictRoles: true)
  private static let whole = ChatDialect(isStreamed: false)

  /// Bodies of replies with status 400 or 422, and the dialect that must result.
  private static let refusals: [(body: String, dialect: ChatDialect)] = [
    (
      error(
        "Unsupported parameter: 'max_tokens' is not supported with this model. "
          + "Use 'max_completion_tokens' instead.", param: "max_tokens"), newer
    ),
    (#"{"message":"unknown field max_tokens, use max_completion_tokens"}"#, newer),
    (
      error(
        "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is "
          + "supported.", param: "temperature"), plain
    ),
    (#"{"error":"invalid temperature: only 1 is allowed for this model"}"#, plain),
    (#"{"error":"Input validation error: `temperature` must be strictly positive"}"#, plain),
    (error("Extra inputs are not permitted: stream_options"), bare),
    (detail(#""stream_options""#, "Extra inputs are not permitted"), bare),
    (error("[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options'), 'msg': 'Extra inputs'}]"), bare),
    (error("System role not supported"), userOnly),
    (error("Only user and assistant roles are supported!"), userOnly),
    ("[" + error("Developer instruction is not enabled for models/gemma") + "]", userOnly),
    (error("'messages[0].role' does not support 'system'", param: "messages[0].role"), userOnly),
    (detail(#""messages",0,"role""#, "Input should be 'user' or 'assistant'"), userOnly),
    (error("Conversation roles must alternate user/assistant/user/assistant/..."), strict),
    (error("After the (optional) system message(s), user messages should alternate"), strict),
    (error("Streaming is not supported for this model"), whole),
    (error("Unsupported value", param: "stream"), whole),
  ]

  private static func error(_ message: String, param: String? = nil) -> String {
    let name = param.map { #""\#($0)""# } ?? "null"
    return #"{"error":{"message":"\#(message)","type":"invalid_request_error","param":\#(name)}}"#
  }

  private static func detail(_ place: String, _ message: String) -> String {
    #"{"detail":[{"type":"x","loc":["body",\#(place)],"msg":"\#(message)","input":{"a":true}}]}"#
  }

  @Test("the part that the server names is left out", arguments: refusals)
  func named(_ body: String, _ expected: ChatDialect) {
    #expect(adapted(body) == expected)
    #expect(adapted(body, status: 422) == expected)
    #expect(adapted(body, status: 401) == nil && adapted(body, status: 500) == nil)
    if expected != Self.strict, expected != Self.newer {
      #expect(adapted(body, expected) == nil, "it is left out already")
    }
  }

  @Test(
    "a reply that names no part of the request, or a value that no dialect can change, changes nothing",
    arguments: [
      "", "{}", "null", "[]", "Bad Request", "<html><body>400 upstream</body></html>", "\u{0}\u{FFFD}",
      #"{"error":{"message":"The model `x` does not exist","param":"model"}}"#,
      #"{"error":{"message":"This model's maximum context length is 4096 tokens, your messages have 5000"}}"#,
      #"{"error":{"message":"max_tokens is too large: 100000. At most 16384 are supported","param":"max_tokens"}}"#,
      #"{"error":{"message":"'max_tokens' or 'max_completion_tokens' is too large: 128"}}"#,
      #"{"error":{"message":"stream_options is fine","param":"tools"}}"#,
      #"{"error":{"message":7,"param":7}}"#,
    ])
  func unnamed(_ body: String) {
    #expect(adapted(body) == nil)
  }

  @Test("if alternating roles are refused, too, the system role is left out; a name is tried both ways")
  func twice() {
    let roles = "Conversation roles must alternate user/assistant/user/assistant/..."
    #expect(adapted(roles, Self.strict) == ChatDialect(hasSystemRole: false, hasStrictRoles: true))
    let other = #"{"error":"Unknown parameter: max_completion_tokens"}"#
    #expect(adapted(other, Self.newer) == ChatDialect())
  }

  @Test("in a sentence that also lists the parameters the server knows, only the first name counts")
  func first() {
    let list = "Unknown parameter stream_options. Known are messages, max_tokens, temperature and stream."
    #expect(adapted(list) == Self.bare)
  }

  @Test("several fields that one reply names are left out at once")
  func several() {
    let body = #"""
      {"detail":[{"loc":["body","stream_options"],"msg":"Extra inputs are not permitted"},
                 {"loc":["body","temperature"],"msg":"Input should be greater than 0"}]}
      """#
    #expect(adapted(body) == ChatDialect(temperature: nil, sendsStreamOptions: false))
  }

  @Test("messages are adapted: no first assistant message, alternating roles, no system role")
  func messages() {
    func message(_ role: ChatMessage.Role, _ text: String) -> ChatMessage {
      ChatMessage(role: role, content: text)
    }
    let all = [
      message(.system, "Copy."), message(.assistant, "Hello."), message(.user, "One?"),
      message(.user, "Two?"),
      message(.assistant, "Two."), message(.user, "Three?"),
    ]
    #expect(ChatDialect().messages(all) == [all[0]] + all[2...])
    #expect(
      Self.strict.messages(all) == [all[0], message(.user, "One?\n\nTwo?"), all[4], all[5]])
    #expect(Self.userOnly.messages(all) == [message(.user, "Copy.\n\nOne?")] + all[3...])
    #expect(
      ChatDialect(hasSystemRole: false, hasStrictRoles: true).messages(all) == [
        message(.user, "Copy.\n\nOne?\n\nTwo?"), all[4], all[5],
      ])
    #expect(ChatDialect().messages([]).isEmpty)
    #expect(Self.userOnly.messages([all[0], all[1]]) == [message(.user, "Copy.")])
  }

  @Test("the settings that lead to a dialect are named")
  func settings() {
    let dialect = ChatDialect(
      tokensParameter: .maxCompletionTokens, temperature: nil, hasSystemRole: false, hasStrictRoles: true,
      isStreamed: false, sendsStreamOptions: false)
    #expect(
      dialect.settings(unlike: ChatDialect()) == [
        "llm.tokensParameter=max_completion_tokens", "llm.temperature=\"\"", "llm.systemRole=false",
        "llm.strictRoles=true", "llm.stream=false", "llm.streamOptions=false",
      ])
    #expect(dialect.settings(unlike: dialect).isEmpty)
  }
}
