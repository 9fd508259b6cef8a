import Settings

extension ChatClient.Options {
  /// The options that the settings `llm.*` describe.
  ///
  /// - Parameter url: the endpoint. It is a parameter because `llm.url` is nil when no endpoint is set.
  /// - Throws: `SettingsError` for an API key that can't be read.
  package init(_ llm: Settings.LLM, url: String) throws {
    self.init(
      url: url, model: llm.model, apiKey: try llm.apiKey.read(), answerTokensMax: llm.answerTokensMax,
      timeout: llm.timeout,
      dialect: ChatDialect(
        tokensParameter: ChatDialect.TokensParameter(rawValue: llm.tokensParameter) ?? .maxTokens,
        temperature: llm.temperature, hasSystemRole: llm.hasSystemRole, hasStrictRoles: llm.hasStrictRoles,
        isStreamed: llm.isStreamed, sendsStreamOptions: llm.sendsStreamOptions))
  }
}
