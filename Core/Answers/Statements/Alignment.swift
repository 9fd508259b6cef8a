/// Walks through a sentence and its source side by side.
struct Alignment {
  /// Whether every term of the source has its equal, in its order, and whatever else the sentence has is a heading's.
  let isWhole: Bool

  init(_ said: [Term], _ source: SupportSource) { self.init(said, source.own.terms, source) }

  /// - Parameter known: the source's terms, or what is left of them.
  init(_ said: [Term], _ known: [Term], _ source: SupportSource) {
    var place = 0
    var borrowed: [Term] = []
    var last = Step.own
    for term in said {
      if place < known.count, known[place].equals(term) {
        place += 1
        last = .own
      } else if source.frames.contains(where: { $0.terms.contains { $0.equals(term) } }) {
        borrowed.append(term)
        last = .borrowed
      } else if source.own.isLabelled, Self.isCopula(term) || Self.isGlue(term) {
        last = .glue
      } else if last == .borrowed, place == 0, Self.isCopula(term) {
        // "Night desk", and below it "Staffed until 6": the night desk is staffed until 6.
        last = .glue
      } else if Self.isGlue(term), last != .glue {
        // It may lead to a heading's word: "the extension of the night desk".
        borrowed.append(term)
        last = .glue
      } else {
        isWhole = false
        return
      }
    }
    isWhole =
      place == known.count && place > 0
      && (borrowed.isEmpty
        || borrowed.contains { !Self.isGlue($0) } && Self.keepsSignals(borrowed, source.frames))
  }

  private enum Step { case own, borrowed, glue }

  /// Words that lead to a heading's words.
  private static func isGlue(_ term: Term) -> Bool {
    term.kind == .word && ["of", "for"].contains(term.form)
  }

  /// Whether a sentence may have a term that neither its source nor the headings have.
  static func isFree(_ term: Term, _ source: SupportSource) -> Bool {
    source.own.isLabelled && isCopula(term)
      || isGlue(term) && (source.own.isLabelled || !source.frames.isEmpty)
  }

  private static func isCopula(_ term: Term) -> Bool { term.form == "is" || term.form == "are" }

  /// Who takes words from a heading must not leave its negation or its condition behind.
  private static func keepsSignals(_ borrowed: [Term], _ frames: [Statement]) -> Bool {
    for frame in frames
    where borrowed.contains(where: { term in !isGlue(term) && frame.terms.contains { $0.equals(term) } }) {
      let signals = frame.terms.filter { SupportRule($0).isSignal }
      guard signals.allSatisfy({ signal in borrowed.contains { $0.equals(signal) } }) else { return false }
    }
    return true
  }

  /// Whether all terms of a sentence stand in the source or its headings, those of the source in its order.
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
