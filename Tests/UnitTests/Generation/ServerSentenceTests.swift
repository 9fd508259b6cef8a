import Testing

@testable import Generation

// Goal: an operator reads in the log what the server said, and nobody reads a key or a user's text there.

@Suite struct ServerSentenceTests {
  private let question = "Which colour is the harbour lamp painted?"

  private func line(_ body: String, apiKey: String = "") -> String {
    ServerSentence(Array(body.utf8)).line(
      hiding: [ChatMessage(role: .user, content: "Text:\nIt is red.\n\nQuestion: \(question)")],
      apiKey: apiKey)
  }

  @Test("the sentence is found in every form of an error")
  func forms() {
    #expect(line(#"{"error":{"message":"No such model","code":404}}"#) == "No such model")
    #expect(line(#"{"error":"No such model"}"#) == "No such model")
    #expect(line(#"{"detail":"Not Found"}"#) == "Not Found")
    #expect(line(#"[{"error":{"message":"No quota"}}]"#) == "No quota")
    #expect(
      line(#"{"detail":[{"loc":["body","stop"],"msg":"Extra"},{"loc":["body","n"],"msg":"Extra"}]}"#)
        == "Extra (stop); Extra (n)")
    #expect(line("502 Bad\r\n\tGateway\u{1B}[31m\u{202E}") == "502 Bad Gateway [31m")
    #expect(line(#"{"input":"x"}"#) == "" && line("") == "")
    #expect(line(String(repeating: "word ", count: 900)).count == 300)
  }

  @Test("keys are hidden")
  func keys() {
    #expect(line("Incorrect API key provided: abcd1234efgh.") == "Incorrect API key provided: (hidden)")
    #expect(line("wrong: sk-abcdefghijkl, sorry") == "wrong: (hidden), sorry")
    #expect(line("Bearer abc123456789 is unknown") == "Bearer (hidden) is unknown")
    #expect(line("secret-word is unknown", apiKey: "secret-word") == "(hidden) is unknown")
    let harmless = "The key max_tokens and the model gpt-4o-mini-2024-07-18 are unknown"
    #expect(line(harmless) == harmless)
  }

  @Test("parts of a message that the server repeats are hidden")
  func quotes() {
    #expect(line("The prompt \(question) is bad") == "The prompt (text) is bad")
    #expect(line("Bad: \(question)") == "Bad: (text)")
    #expect(line("It is red") == "It is red", "a few words may match by chance")
  }
}
