import Foundation
import Generation
import HTTPClient
import Settings

extension Doctor {
  /// The longest timeout, because a person waits for the result.
  private static let patience = Duration.seconds(20)

  /// Asks the endpoint one question, as generate does. An endpoint that lists its models may still refuse every
  /// question.
  static func endpoint(_ address: String, _ settings: Settings) async -> Finding {
    let url = settings.table.shown("llm.url")
    do {
      var options = try ChatClient.Options(settings.llm, url: address)
      options.timeout = min(options.timeout, patience)
      let chat = ChatClient(HTTPClient(), options)
      let result = try await chat.answer(ChatPrompt.trial, deadline: .now + options.timeout) { _ in }
      return finding(url, result, chat)
    } catch let failure as ChatFailure {
      return Finding(
        // Only a warning: while the LLM is slow or overloaded, queries are answered with quotes.
        grade: failure.reason == .timeout || failure.reason == .overloaded ? .warning : .failure,
        subject: "llm", text: "\(url): \(failure.reason.rawValue): \(failure.message)",
        advice: advice(failure))
    } catch {
      return Finding(
        grade: .failure, subject: "llm", text: "\(error)", advice: "correct llm.* in the settings")
    }
  }

  private static func finding(_ url: String, _ result: ChatClient.Result, _ chat: ChatClient) -> Finding {
    let model = result.model.isEmpty ? chat.options.model : result.model
    let time = "\(Int(result.seconds * 1000)) ms by model \(UntrustedText.forAnswer(model))"
    // Print the answer on one line, because the model's text is not trusted.
    let words = UntrustedText.forAnswer(result.text).split(whereSeparator: \.isWhitespace)
    let text = words.joined(separator: " ").prefix(60)
    guard !text.isEmpty else {
      return Finding(
        grade: .warning, subject: "llm",
        text: "\(url) answered in \(time), without any text (finish_reason \(result.finish.rawValue))",
        advice: result.finish == .length
          ? "raise llm.answerTokensMax: the model used all \(chat.options.answerTokensMax) tokens to think"
          : "check llm.model: as long as it returns no text, answers are quotes")
    }
    let changes = chat.dialect.settings(unlike: chat.options.dialect).joined(separator: ", ")
    return Finding(
      grade: .ok, subject: "llm",
      text: "\(url) answered \"\(text)\" in \(time)"
        + (changes.isEmpty ? "" : ", after it had refused the first request: \(said(chat))"),
      advice: changes.isEmpty ? "" : "set \(changes), so that no request of a worker is refused first")
  }

  private static func said(_ chat: ChatClient) -> String { chat.takeLesson()?.sentence ?? "" }

  private static func advice(_ failure: ChatFailure) -> String {
    switch failure.reason {
    case .unreachable: return "check llm.url; without an LLM, answers are quotes (engine extractive)"
    case .timeout: return "raise llm.timeout, or use a faster model; late answers are replaced by quotes"
    case .overloaded: return "raise the server's quota or capacity, or lower llm.concurrencyMax"
    case .broken: return "check llm.url: it ends with /v1; if the server can't stream, set llm.stream=false"
    case .refused: break
    }
    switch failure.status ?? 0 {
    case 401, 403: return "check llm.apiKey and its rights to llm.model"
    case 404, 405: return "check llm.url, which ends with /v1, and llm.model"
    case 400, 422:
      return "check llm.model; if the server names a field, change llm.tokensParameter, llm.temperature, "
        + "llm.stream, llm.streamOptions, llm.systemRole or llm.strictRoles"
    case 413: return "lower llm.promptTokensMax"
    default: return "see the log of the LLM's server"
    }
  }
}
