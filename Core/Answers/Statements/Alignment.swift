/// Walks through a sentence and its source side by side.
struct Alignment {
  /// True if the sentence has an equal for every term of the source, in the source's order, and its other terms come
  /// from a heading or are an "is" that may stand there.
  let isWhole: Bool

  init(_ said: [Term], _ source: SupportSource) { self.init(said, source.own.terms, source) }

  /// - Parameter known: the source's terms, possibly without a phrase that `Support` has moved.
  init(_ said: [Term], _ known: [Term], _ source: SupportSource) {
    var place = 0
    var index = 0
    while index < said.count {
      let term = said[index]
      if place < known.count, known[place].equals(term) {
        place += 1
        index += 1
      } else if let count = Self.borrowed(said, index, place, source) {
        index += count
      } else if Self.isCopula(term), Self.isLabelEnd(place, index, said, source) {
        index += 1
      } else {
        isWhole = false
        return
      }
    }
    isWhole = place == known.count && place > 0
  }

  /// How many terms from `index` on come from a heading; nil if none do. They may stand before all of the source's own
  /// terms ("the night desk is staffed"), or behind "of" or "for" ("the extension of the night desk"). All of the
  /// heading's content words must stand there, and the heading must have nothing that would change a statement, such as
  /// a number, a negation or a condition.
  private static func borrowed(_ said: [Term], _ index: Int, _ place: Int, _ source: SupportSource) -> Int? {
    var start = index
    if isGlue(said[index]) {
      start += 1
    } else if place > 0 {
      return nil
    }
    for frame in source.frames {
      let content = frame.terms.filter { !CommonWords.isFunction($0.form) }
      guard !content.isEmpty, frame.terms.allSatisfy(mayBeLent) else { continue }
      var (next, end) = (0, start)
      while end < said.count, next < content.count {
        if said[end].equals(content[next]) {
          next += 1
        } else if !frame.terms.contains(where: { $0.equals(said[end]) }) {
          break
        }
        end += 1
      }
      guard next == content.count else { continue }
      // A heading may end with its verb: "The warehouse is".
      while end < said.count, place == 0, let last = frame.terms.last, CommonWords.isFunction(last.form),
        said[end].equals(last), source.own.terms.first.map({ !$0.equals(last) }) ?? true
      {
        end += 1
      }
      return end - index
    }
    return nil
  }

  private static func mayBeLent(_ term: Term) -> Bool {
    guard term.kind == .word || term.kind == .code else { return false }
    let rule = SupportRule(term)
    return !rule.isSignal && (rule != .direction || CommonWords.isFunction(term.form))
  }

  /// Whether "is" may stand here: between the two sides of a label, or between a heading and the text below it.
  private static func isLabelEnd(_ place: Int, _ index: Int, _ said: [Term], _ source: SupportSource) -> Bool
  {
    if place == 0 { return index > 0 && !isCopula(said[index - 1]) }
    return source.own.labelEnd == place && !isCopula(said[index - 1])
  }

  /// True for the words that may connect the source's words with a heading's.
  private static func isGlue(_ term: Term) -> Bool {
    term.kind == .word && ["of", "for"].contains(term.form)
  }

  private static func isCopula(_ term: Term) -> Bool { term.form == "is" || term.form == "are" }

  /// Whether a sentence may have this term although neither its source nor the headings have it.
  static func isFree(_ term: Term, _ source: SupportSource) -> Bool {
    source.own.isLabelled && isCopula(term)
      || isGlue(term) && (source.own.isLabelled || !source.frames.isEmpty)
  }

  /// Whether all terms of a sentence stand in the source, in its order, or in its headings, or are free (`isFree`).
  static func isOrdered(_ said: [Term], _ source: SupportSource) -> Bool {
    let known = source.own.terms
    var place = 0
    for term in said {
      if let next = known[place...].firstIndex(where: { $0.equals(term) }) {
        place = next + 1
      } else if !source.frames.contains(where: { $0.terms.contains { $0.equals(term) } }),
        !isFree(term, source)
      {
        return false
      }
    }
    return true
  }
}
