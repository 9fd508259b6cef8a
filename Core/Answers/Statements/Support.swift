/// Whether a source sentence says the same as another sentence. A value without model and I/O.
///
/// A sentence says the `same` if the two have equal terms in the same order, apart from articles. Terms are equal if
/// they have the same form (`Statement` says which spellings share a form) or are two inflections of one word. The
/// sentence may add words of the source's headings, and one phrase may stand at the front of one of the two and
/// elsewhere in the other. A sentence that leaves out a part of its source is a `piece`: that part may be a condition
/// or a negation, so the source itself should be shown. Any other sentence `differs`.
package enum Support: Sendable, Equatable {
  case same
  case piece
  /// - Parameter terms: the terms that the sentence has and the source does not. Empty for `order` and `heading`, and
  ///   for a sentence that is not compared: it is empty or too long, or only one of the two is a question.
  case differs(SupportRule, terms: [String])

  /// The maximum number of terms of a phrase that may be moved.
  private static let phraseMax = 14
  /// The maximum number of places at which a phrase is looked for.
  private static let placesMax = 8
  /// A sentence with more terms is not compared.
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
      // Report the rule that says most: a changed number matters more than the words around it.
      let rules = missing.map { SupportRule($0) }
      let rule =
        rules.first { $0 != .word && $0 != .name } ?? rules.first { $0 == .name } ?? SupportRule(first)
      return .differs(rule, terms: missing.map(\.text))
    }
    // A sentence that has only words of headings states nothing.
    if !said.contains(where: { term in known.contains { $0.equals(term) } }) {
      return .differs(.heading, terms: [])
    }
    return Alignment.isOrdered(said, source) ? .piece : .differs(.order, terms: [])
  }

  /// The terms that a sentence leaves out of its source, with the rule of the first; nil when it leaves out nothing. If
  /// some of them are signals (`SupportRule.isSignal`), only those.
  package static func omission(_ sentence: Statement, of source: SupportSource) -> (SupportRule, [String])? {
    let left = lacking(source.own.terms, sentence.terms)
    let signals = left.filter { SupportRule($0).isSignal }
    guard let first = signals.first ?? left.first else { return nil }
    return (SupportRule(first), (signals.isEmpty ? left : signals).map(\.text))
  }

  /// The terms that have no equal in `others`. A term that stands twice needs two equals.
  private static func lacking(_ terms: [Term], _ others: [Term]) -> [Term] {
    var left = others
    return terms.filter { term in
      guard let place = left.firstIndex(where: { $0.equals(term) }) else { return true }
      left.remove(at: place)
      return false
    }
  }

  /// Whether the two say the same except that one phrase begins one of them and stands elsewhere in the other.
  private static func isMoved(_ said: [Term], _ source: SupportSource) -> Bool {
    let known = source.own.terms
    return isMoved(front: said, known) { rest, other in Alignment(rest, other, source).isWhole }
      || isMoved(front: known, said) { rest, other in Alignment(other, rest, source).isWhole }
  }

  /// - Parameter test: called with both texts, without a phrase that begins `front` and stands further back in `other`.
  private static func isMoved(front: [Term], _ other: [Term], _ test: ([Term], [Term]) -> Bool) -> Bool {
    guard front.count > 3, let first = front.first, prepositions.contains(first.form) else { return false }
    for place in other.indices.dropFirst().filter({ other[$0].equals(first) }).prefix(placesMax) {
      let count = zip(front.prefix(phraseMax), other[place...]).prefix { $0.equals($1) }.count
      // The phrase may be shorter than the run of equal terms. It is not moved over a clause such as "he said" or
      // "pumps that", because it may belong to that clause.
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

  /// Whether a part of a sentence has a clause of its own or reports what somebody says. A phrase that is moved over
  /// such a part may then belong to something else.
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
