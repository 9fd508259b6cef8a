import Generation
import Synchronization
import Telemetry

/// Logs the failures of the LLM's server, and the settings that the client learned from its refusals. The same reason
/// or settings are logged at most once a minute.
final class LLMLog: Sendable {
  private let logger: Logger
  private let chat: ChatClient
  private let configured: ChatDialect
  private let limit = Mutex(LogLimit())

  /// - Parameter chat: the client whose outcomes are noted.
  init(_ logger: Logger, _ chat: ChatClient) {
    self.logger = logger
    self.chat = chat
    configured = chat.options.dialect
  }

  /// Logs what is notable about one answer.
  func note(_ outcome: Answerer.Outcome) {
    if let lesson = chat.takeLesson() { note(lesson) }
    if let failure = outcome.failure {
      var facts: [(LogKey, String)] = [(.error, failure.message)]
      if let status = failure.status { facts.insert((.code, "\(status)"), at: 0) }
      warn("The LLM gave no answer", failure.reason.rawValue, facts)
    } else if outcome.fallback == .late {
      warn("The LLM was not asked: its calls take longer than the time that is left", "late", [])
    } else if let result = outcome.llm, result.finish.isCut {
      warn(
        "The LLM's reply ended early", result.finish.rawValue,
        result.finish == .length
          ? [(.rule, "llm.answerTokensMax must be enough for the answer and its thoughts")] : [])
    }
  }

  private func note(_ lesson: ChatClient.Lesson) {
    let settings = lesson.dialect.settings(unlike: configured).joined(separator: " ")
    // Limit these lines: servers behind one address may disagree, and each would teach the opposite of the other.
    guard limit.withLock({ $0.admit(settings) }) != nil else { return }
    logger.info(
      "The LLM refused a request and is asked with other settings now",
      [(.error, lesson.sentence), (.value, settings)])
  }

  private func warn(_ message: StaticString, _ reason: String, _ facts: [(LogKey, String)]) {
    guard let suppressed = limit.withLock({ $0.admit(reason) }) else { return }
    let count = suppressed > 0 ? [(LogKey.count, "\(suppressed) more since the last line")] : []
    logger.warning(message, [(.reason, reason)] + facts + count)
  }
}
