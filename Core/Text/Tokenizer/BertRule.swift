/// What BERT's uncased tokenizer does with a character.
enum BertRule: Equatable {
  /// Part of a word.
  case same
  /// A word of its own.
  case punctuation
  /// Removed before anything else.
  case drop
  case space
  /// A mark that is removed. One that is a barrier ends a run of marks.
  case mark(isBarrier: Bool)
  /// A word of its own.
  case ideograph
  case hangul
  /// A mark that stays, in the order of its combining class.
  case ordered
  /// Replaced by another text, the one with this number in `BertTable`.
  case mapped(Int, isIdeograph: Bool)
}
