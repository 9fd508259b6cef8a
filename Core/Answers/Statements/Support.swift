/// Whether a source sentence says the same as another sentence. A value without model and I/O.
///
/// A sentence says the same if the two have equal terms in the same order, articles aside: equal are one form
/// (`Statement` says which spellings have one) and two inflections of one word. It may add words of the source's
/// headings, and one phrase may stand at the front in one of them and elsewhere in the other. A sentence that leaves
/// out a part of its source is a `piece`: what it left out may be a condition or a negation, so the source itself is to
/// be shown. Whatever says anything else `differs`.
package enum Support: Sendable, Equatable {
  case same
  case piece
  /// - Parameter terms: what the sentence says and the source does not; for `order`, nothing.
  case differs(SupportRule, terms: [String])

  /// Words of a phrase that may be moved.
  private static let phraseMax = 14
  /// Places at which a phrase is looked for.
  private static let placesMax = 8
  /// A longer sentence is none.
  private static let termsMax = 400

  package static func of(_ sentence: Statement, by source: SupportSource) -> Support {
    let (said, known) = (sentence.terms, source.own.terms)
    guard !said.isEmpty, said.count <= termsMax, sentence.isQuestion == source.own.isQuestion else {
      return .differs(.word, terms: [])
    }
    if Alignment(said, source).isWhole { return .same }
    if isMoved(said, source) { return .same }
    let missing = Self.lacking(said, known + source.frames.flatMap(\.terms)).filter {
      !Alignment.isFree($0, source)
    }
    if let first = missing.first {
      // The rule that says most: a changed number weighs more than the words around it.
      let rules = missing.map { SupportRule($0) }
      let rule =
        rules.first { $0 != .word && $0 != .name } ?? rules.first { $0 == .name } ?? SupportRule(first)
      return .differs(rule, terms: missing.map(\.text))
    }
    // Words of headings alone are no statement.
    if !said.contains(where: { term in known.contains { $0.equals(term) } }) {
      return .differs(.heading, terms: [])
    }
    return Alignment.isOrdered(said, source) ? .piece : .differs(.order, terms: [])
  }

  /// What a sentence leaves out of its source, by the strictest rule; nil for nothing.
  package static func omission(_ sentence: Statement, of source: SupportSource) -> (SupportRule, [String])? {
    let left = lacking(source.own.terms, sentence.terms)
    let signals = left.filter { SupportRule($0).isSignal }
    guard let first = signals.first ?? left.first else { return nil }
    return (SupportRule(first), (signals.isEmpty ? left : signals).map(\.text))
  }

  /// The terms that others lack. A term that stands twice must have two equals.
  private static func lacking(_ terms: [Term], _ others: [Term]) -> [Term] {
    var left = others
    return terms.filter { term in
      guard let place = left.firstIndex(where: { $0.equals(term) }) else { return true }
      left.remove(at: place)
      return false
    }
  }

  /// Whether the two say the same but for one phrase, which begins one of them and stands elsewhere in the other.
  private static func isMoved(_ said: [Term], _ source: SupportSource) -> Bool {
    let known = source.own.terms
    return isMoved(front: said, known) { rest, other in Alignment(rest, other, source).isWhole }
      || isMoved(front: known, said) { rest, other in Alignment(other, rest, source).isWhole }
  }

  /// - Parameter test: gets both without a phrase that begins `front` and stands further back in the other.
  private static func isMoved(front: [Term], _ other: [Term], _ test: ([Term], [Term]) -> Bool) -> Bool {
    guard front.count > 3, let first = front.first, prepositions.contains(first.form) else { return false }
    for place in other.indices.dropFirst().filter({ other[$0].equals(first) }).prefix(placesMax) {
      let count = zip(front.prefix(phraseMax), other[place...]).prefix { $0.equals($1) }.count
      // The phrase may end before the likeness ends. Beside "he said" or "pumps that", it may belong to a clause.
      for length in stride(from: min(count, front.count - 1), to: 1, by: -1) where !binds(front[length...]) {
        if test(Array(front.dropFirst(length)), Array(other[..<place] + other[(place + length)...])) {
          return true
        }
      }
    }
    return false
  }

  private static let prepositions: Set<String> = [
    "in", "on", "at", "during", "since", "after", "before", "until", "by", "for", "from", "with", "without",
    "within",
    "under", "over", "through", "throughout", "between", "among", "as", "if", "when", "while", "unless",
    "because",
    "although", "despite", "near", "around", "across", "along", "about", "of", "to", "against", "per",
    "outside",
    "inside", "above", "below", "behind", "beside", "besides", "like", "unlike", "upon", "once", "where",
    "than",
  ]

  /// Whether a part of a sentence has a clause of its own, or says what somebody says: a phrase that moves over it may
  /// come to belong to something else.
  private static func binds(_ terms: ArraySlice<Term>) -> Bool {
    terms.contains { term in
      term.kind == .word && (clauses.contains(term.form) || term.bases.contains(where: reporting.contains))
    }
  }

  private static let clauses: Set<String> = [
    "that", "who", "which", "whose", "whom", "and", "or", "but", "to",
  ]

  private static let reporting: Set<String> = [
    "say", "claim", "believe", "announce", "report", "argue", "predict", "state", "think", "tell", "promise",
    "deny",
    "allege", "suggest", "propose", "hope", "expect", "estimate", "declare", "confirm", "admit", "insist",
    "warn",
    "decide", "agree", "know", "show", "find", "learn", "hear", "order", "ask", "plan",
  ]
}
