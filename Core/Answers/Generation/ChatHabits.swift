import Synchronization

/// What this process has learned about its LLM's server. All calls share it.
final class ChatHabits: Sendable {
  private struct State {
    var dialect: ChatDialect
    var thinksUnopened = false
    var lesson: ChatClient.Lesson?
  }

  private let state: Mutex<State>

  init(_ dialect: ChatDialect) { state = Mutex(State(dialect: dialect)) }

  var dialect: ChatDialect { state.withLock(\.dialect) }

  /// True if the model is known to think without an opening tag, so that its text can't be shown before `</think>`.
  var thinksUnopened: Bool { state.withLock(\.thinksUnopened) }

  func noteUnopenedThought() { state.withLock { $0.thinksUnopened = true } }

  /// Remembers a dialect that the server has accepted.
  ///
  /// - Parameter sentence: what the server said when it refused the dialect before.
  func adopt(_ dialect: ChatDialect, after sentence: String) {
    state.withLock { state in
      // Several calls may learn the same dialect at the same time.
      guard state.dialect != dialect else { return }
      state.dialect = dialect
      state.lesson = ChatClient.Lesson(dialect: dialect, sentence: sentence)
    }
  }

  /// Returns what was learned since `takeLesson` was last called; nil when nothing was.
  func takeLesson() -> ChatClient.Lesson? {
    state.withLock { state in
      defer { state.lesson = nil }
      return state.lesson
    }
  }
}
