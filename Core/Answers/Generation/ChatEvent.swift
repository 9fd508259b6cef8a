/// A piece of a model's answer, as it arrives.
package enum ChatEvent: Sendable, Equatable {
  case text(String)
  /// None of the text so far is part of the answer, for example because `</think>` followed it.
  case restart
}
