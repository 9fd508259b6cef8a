extension Settings {
  /// The chat endpoint: `llm.*`.
  package struct LLM: Sendable {
    /// Nil = no LLM: only the extractive engine answers.
    package var url: String?
    package var model: String
    package var apiKey: SecretSetting
    package var promptTokensMax: Int
    package var answerTokensMax: Int
    /// `max_tokens` or `max_completion_tokens`.
    package var tokensParameter: String
    /// Nil = no temperature is sent.
    package var temperature: Double?
    package var isStreamed: Bool
    package var sendsStreamOptions: Bool
    package var hasSystemRole: Bool
    package var hasStrictRoles: Bool
    package var timeout: Duration
    /// The limit of calls in flight, for all workers of the pool together.
    package var concurrencyMax: Int

    init(_ table: SettingsTable) throws(SettingsError) {
      // Paths are appended to the URL, so a query would end up in the middle.
      let text = try table.string(
        "llm.url", "must be a URL like http://host:port/v1 (or https) without a query, or empty"
      ) {
        $0.isEmpty || ($0.hasPrefix("http://") || $0.hasPrefix("https://")) && !$0.contains("?")
      }
      url = text.isEmpty ? nil : (text.hasSuffix("/") ? String(text.dropLast()) : text)
      model = table.text("llm.model")
      apiKey = SecretSetting("llm.apiKey", table)
      promptTokensMax = try table.integer("llm.promptTokensMax", in: 128...1_000_000)
      answerTokensMax = try table.integer("llm.answerTokensMax", in: 1...100_000)
      tokensParameter = try table.string(
        "llm.tokensParameter", "must be max_tokens or max_completion_tokens"
      ) { ["max_tokens", "max_completion_tokens"].contains($0) }
      let temperature = try table.string("llm.temperature", "must be a number from 0 to 2, or empty") {
        $0.isEmpty || Double($0).map { (0...2).contains($0) } ?? false
      }
      self.temperature = Double(temperature)
      isStreamed = try table.bool("llm.stream")
      sendsStreamOptions = try table.bool("llm.streamOptions")
      hasSystemRole = try table.bool("llm.systemRole")
      hasStrictRoles = try table.bool("llm.strictRoles")
      timeout = try table.duration("llm.timeout")
      concurrencyMax = try table.integer("llm.concurrencyMax", in: 1...100_000)
    }
  }
}
