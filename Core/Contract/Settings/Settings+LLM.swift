extension Settings {
  /// The chat endpoint: `llm.*`.
  package struct LLM: Sendable {
    /// Nil = only the extractive engine.
    package var url: String?
    package var model: String
    package var apiKey: SecretSetting
    package var promptTokensMax: Int
    package var answerTokensMax: Int
    package var timeout: Duration
    /// Calls in flight of all workers of the pool together.
    package var concurrencyMax: Int

    init(_ table: SettingsTable) throws(SettingsError) {
      // Paths are appended to the URL, so a query would end up in the middle.
      let text = try table.string(
        "llm.url", "must be http://host:port/v1, https too, without a query, or empty"
      ) {
        $0.isEmpty || ($0.hasPrefix("http://") || $0.hasPrefix("https://")) && !$0.contains("?")
      }
      url = text.isEmpty ? nil : (text.hasSuffix("/") ? String(text.dropLast()) : text)
      model = table.text("llm.model")
      apiKey = SecretSetting("llm.apiKey", table)
      promptTokensMax = try table.integer("llm.promptTokensMax", in: 128...1_000_000)
      answerTokensMax = try table.integer("llm.answerTokensMax", in: 1...100_000)
      timeout = try table.duration("llm.timeout")
      concurrencyMax = try table.integer("llm.concurrencyMax", in: 1...100_000)
    }
  }
}
