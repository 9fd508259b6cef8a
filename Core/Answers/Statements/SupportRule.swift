/// In what a sentence differs from its source, or what it leaves out. The names are stored in answers.
package enum SupportRule: String, Sendable, CaseIterable {
  /// A number, an ordinal, a date, a time or a code.
  case number
  case unit
  /// A word with a capital letter that marks it as a name.
  case name
  case negation
  /// Increase and decrease, before and after, minimum and maximum.
  case direction
  /// Must, may, should.
  case modality
  /// All, some, only.
  case quantifier
  /// Except, unless, if.
  case condition
  /// Any other word.
  case word
  /// The same words in another order.
  case order
  /// The sentence is a piece of its source, which says more.
  case piece
  /// The sentence repeats a heading and says nothing.
  case heading
  /// The sentence has a source, but the source does not speak of what was asked.
  case beside

  /// The rule that a term falls under.
  init(_ term: Term) {
    switch term.kind {
    case .number, .ordinal, .time, .date, .range, .code: self = .number
    case .unit: self = .unit
    case .relation: self = .direction
    case .word:
      if let rule = Self.words[term.form] ?? term.bases.lazy.compactMap({ Self.words[$0] }).first {
        self = rule
      } else {
        self = term.isName ? .name : .word
      }
    }
  }

  /// True for terms that change what a statement means. A heading that has such a term lends no words to a sentence.
  package var isSignal: Bool {
    switch self {
    case .negation, .modality, .quantifier, .condition: true
    default: false
    }
  }

  private static let words: [String: SupportRule] = {
    var table: [String: SupportRule] = [:]
    for (rule, words) in lists {
      for word in words.split(separator: " ") { table[String(word)] = rule }
    }
    return table
  }()

  private static let lists: [(SupportRule, String)] = [
    (.negation, "not no never none nobody nothing neither nor without hardly barely scarcely nowhere"),
    (
      .direction,
      """
      increase decrease rise fall grow shrink raise lower up down above below before after over under more less fewer \
      maximum minimum most least high higher highest low lowest early earlier earliest late later latest first last \
      gain loss win lose import export north south east west left right inside outside into from to open close start \
      end enable disable allow forbid accept reject add remove ahead behind faster slower longer shorter larger \
      smaller bigger better worse older younger
      """
    ),
    (.modality, "must may might should shall can could would need ought likely unlikely possibly probably"),
    (
      .quantifier,
      """
      all every some any many few several both either half only solely exclusively always often sometimes rarely \
      seldom usually
      """
    ),
    (
      .condition,
      "if unless except until while when provided where whenever otherwise but though although because"
    ),
  ]
}
