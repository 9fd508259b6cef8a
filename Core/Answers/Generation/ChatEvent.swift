/// A piece of a model's answer, as it arrives.
package enum ChatEvent: Sendable, Equatable {
  case text(String)
  /// All text so far was no answer, for example because `</think>` followed it.
  case restart
}
