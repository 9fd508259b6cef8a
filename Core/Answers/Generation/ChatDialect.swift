/// Which parts of OpenAI's protocol are used for a chat endpoint. All servers speak it, but each refuses other parts.
package struct ChatDialect: Sendable, Equatable {
  /// The field that holds the limit of an answer's tokens.
  package enum TokensParameter: String, Sendable, CaseIterable {
    case maxTokens = "max_tokens"
    case maxCompletionTokens = "max_completion_tokens"

    var other: TokensParameter { self == .maxTokens ? .maxCompletionTokens : .maxTokens }
  }

  package var tokensParameter: TokensParameter
  /// nil: no temperature is sent.
  package var temperature: Double?
  /// False: the text of the system message is put in front of the user's first message.
  package var hasSystemRole: Bool
  /// True: neighbouring messages of one role are sent as one.
  package var hasStrictRoles: Bool
  package var isStreamed: Bool
  /// Whether the server is asked to report the token usage at the end of a streamed reply.
  package var sendsStreamOptions: Bool

  package init(
    tokensParameter: TokensParameter = .maxTokens, temperature: Double? = 0, hasSystemRole: Bool = true,
    hasStrictRoles: Bool = false, isStreamed: Bool = true, sendsStreamOptions: Bool = true
  ) {
    self.tokensParameter = tokensParameter
    self.temperature = temperature
    self.hasSystemRole = hasSystemRole
    self.hasStrictRoles = hasStrictRoles
    self.isStreamed = isStreamed
    self.sendsStreamOptions = sendsStreamOptions
  }

  /// The messages as this endpoint takes them. Many servers refuse a conversation that begins with the assistant, so
  /// such turns are always left out.
  package func messages(_ messages: [ChatMessage]) -> [ChatMessage] {
    let system = messages.filter { $0.role == .system }
    var turns = Array(messages.filter { $0.role != .system }.drop { $0.role == .assistant })
    if !hasSystemRole {
      let text = system.map(\.content).joined(separator: "\n\n")
      if turns.isEmpty {
        turns = [ChatMessage(role: .user, content: text)]
      } else if !text.isEmpty {
        turns[0].content = "\(text)\n\n\(turns[0].content)"
      }
    }
    if hasStrictRoles {
      turns = turns.reduce(into: []) { merged, turn in
        if let last = merged.indices.last, merged[last].role == turn.role {
          merged[last].content += "\n\n\(turn.content)"
        } else {
          merged.append(turn)
        }
      }
    }
    return hasSystemRole ? system + turns : turns
  }

  /// The settings that turn `other` into this dialect, as `key=value`.
  package func settings(unlike other: ChatDialect) -> [String] {
    var changed: [String] = []
    if tokensParameter != other.tokensParameter {
      changed.append("llm.tokensParameter=\(tokensParameter.rawValue)")
    }
    if temperature != other.temperature {
      changed.append("llm.temperature=\(temperature.map { "\($0)" } ?? "\"\"")")
    }
    if hasSystemRole != other.hasSystemRole { changed.append("llm.systemRole=\(hasSystemRole)") }
    if hasStrictRoles != other.hasStrictRoles { changed.append("llm.strictRoles=\(hasStrictRoles)") }
    if isStreamed != other.isStreamed { changed.append("llm.stream=\(isStreamed)") }
    if sendsStreamOptions != other.sendsStreamOptions {
      changed.append("llm.streamOptions=\(sendsStreamOptions)")
    }
    return changed
  }

  /// The dialect without what the server has refused. Only the wording of the reply says what that was, because servers
  /// share no error codes.
  ///
  /// - Parameter body: the body of the reply to a request in this dialect.
  /// - Returns: nil when the status is neither 400 nor 422, or when the reply names nothing that can be left out.
  package func adapted(to status: Int, _ body: [UInt8]) -> ChatDialect? {
    guard status == 400 || status == 422 else { return nil }
    let sentence = ServerSentence(body)
    let text = sentence.text.lowercased()
    var next = self
    for field in sentence.fields { next.drop(field: field.lowercased(), text) }
    if next == self { next.dropFirstNamed(in: text) }
    return next == self ? nil : next
  }

  /// Words in sentences that refuse a field, whatever its value is.
  private static let refusals = [
    "unsupported", "not support", "n't support", "not permitted", "not allowed", "not enabled",
    "not recogni", "unrecogni", "unknown", "unexpected", "extra", "deprecated", "not accept",
    "not available", "not implemented", "disallowed", "instead",
  ]
  /// Words in sentences that refuse a field's value.
  private static let complaints = ["invalid", "only", "must be", "should be", "not valid", "cannot", "can't"]

  private static func holds(_ text: String, _ words: [String]) -> Bool {
    words.contains { text.contains($0) }
  }

  private mutating func drop(field: String, _ text: String) {
    switch field {
    // If the server refuses the limit's value as too high or too low, another field name does not help.
    case tokensParameter.rawValue:
      if Self.holds(text, Self.refusals) { tokensParameter = tokensParameter.other }
    case "temperature": temperature = nil
    case "stream_options", "stream_options.include_usage", "include_usage": sendsStreamOptions = false
    case "stream":
      // A server that names `stream` may mean `stream_options`.
      if sendsStreamOptions, text.contains("stream_options") {
        sendsStreamOptions = false
      } else {
        isStreamed = false
      }
    case "role",
      _ where field.hasSuffix(".role"):
      hasSystemRole = false
    default: break
    }
  }

  /// Drops only what the sentence names first, because the rest may list everything that the server accepts.
  private mutating func dropFirstNamed(in text: String) {
    if text.contains("alternat") || text.contains("consecutive") && Self.holds(text, ["role", "message"]) {
      // A server that still refuses after messages were merged counts the system message as a turn.
      if hasStrictRoles { hasSystemRole = false } else { hasStrictRoles = true }
      return
    }
    let isRefusal = Self.holds(text, Self.refusals)
    guard isRefusal || Self.holds(text, Self.complaints) else { return }
    var named: [(place: String.Index, drop: (inout ChatDialect) -> Void)] = []
    func note(_ place: String.Index?, _ drop: @escaping (inout ChatDialect) -> Void) {
      if let place { named.append((place, drop)) }
    }
    if isRefusal {
      let other = tokensParameter.other
      note(text.firstRange(of: tokensParameter.rawValue)?.lowerBound) { $0.tokensParameter = other }
    }
    if temperature != nil {
      note(text.firstRange(of: "temperature")?.lowerBound) { $0.temperature = nil }
    }
    if isStreamed {
      if sendsStreamOptions {
        note(text.firstRange(of: "stream_options")?.lowerBound) { $0.sendsStreamOptions = false }
      }
      note(text.firstRange(of: /\bstream(?:ing)?\b/.wordBoundaryKind(.simple))?.lowerBound) {
        $0.isStreamed = false
      }
    }
    if hasSystemRole {
      note(Self.systemRole(in: text)) { $0.hasSystemRole = false }
    }
    named.min { $0.place < $1.place }?.drop(&self)
  }

  private static func systemRole(in text: String) -> String.Index? {
    if holds(text, ["role", "message", "prompt", "instruction"]), let range = text.firstRange(of: "system") {
      return range.lowerBound
    }
    // Google's API says "developer instruction"; some chat templates, "Only user and assistant roles are supported!"
    return (text.firstRange(of: "developer instruction") ?? text.firstRange(of: /only user.*role/))?
      .lowerBound
  }
}
