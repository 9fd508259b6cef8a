/// A sentence that may be quoted, with its headings, its title and the names of its row's columns. A question's
/// identifiers are looked for in all of them.
package struct QuotedPassage: Sendable {
  let texts: [Statement]
  private let cells: [Statement]
  private let columns: [Statement]

  /// - Parameters:
  ///   - row: the cells of a table's row, else empty.
  ///   - columns: the names of their columns.
  package init(_ text: String, frames: [String], row: [String] = [], columns: [String] = []) {
    texts = ([text] + frames).filter { !$0.isEmpty }.flatMap { text in
      // A title may have underscores instead of spaces: Super_Bowl_50.
      text.contains("_") ? [Statement(text), Statement(text.replacing("_", with: " "))] : [Statement(text)]
    }
    let isWhole = row.count == columns.count
    cells = isWhole ? row.map { Statement($0) } : []
    self.columns = isWhole ? columns.map { Statement($0) } : []
  }

  package func holds(_ identifier: QuestionFocus.Identifier) -> Bool {
    switch identifier.kind {
    case .code(let code): texts.contains { Self.holds(code, $0.terms) }
    case .phrase(let terms): texts.contains { Self.holds(terms, $0.terms) }
    case .numbered(let noun, let number):
      texts.contains { Self.holds(noun, number, $0.terms) } || holdsInCell(noun, number)
        || begins(with: number, below: noun)
    }
  }

  /// A code may be written with a hyphen, with a space, or with neither.
  private static func holds(_ code: String, _ terms: [Term]) -> Bool {
    for start in terms.indices {
      var joined = ""
      for term in terms[start...].prefix(4) {
        joined += QuestionFocus.folded(term.form)
        if joined == code { return true }
        guard code.hasPrefix(joined) else { break }
      }
    }
    return false
  }

  private static func holds(_ phrase: [Term], _ terms: [Term]) -> Bool {
    guard terms.count >= phrase.count else { return false }
    return (0...(terms.count - phrase.count)).contains { start in
      zip(phrase, terms[start...]).allSatisfy { $0.equals($1) }
    }
  }

  /// `warehouse 3`, `warehouses 2, 3 and 8`, `warehouses 2 to 5`.
  private static func holds(_ noun: Term, _ number: Term, _ terms: [Term]) -> Bool {
    // "warehouse-3", and "the third stage"
    if terms.contains(where: { $0.kind == .code && QuestionFocus.folded($0.form) == noun.form + number.form })
    {
      return true
    }
    let ordinal = NumberWords.ordinal(number.form)
    if zip(terms, terms.dropFirst()).contains(where: { $0.form == ordinal && same($1, noun) }) { return true }
    return terms.indices.contains { start in
      guard same(terms[start], noun) else { return false }
      var rest = terms[(start + 1)...]
      if rest.first?.form == "number" { rest = rest.dropFirst() }
      if let first = rest.first, first.form == number.form || NumberWords.roman[first.form] == number.form {
        return true
      }
      // A list follows only a plural: in "building 12, 3 floors", 3 is no building.
      return CommonWords.isPlural(terms[start].form) && isListed(number, rest.prefix(listMax))
    }
  }

  private static let listMax = 40

  private static func isListed(_ number: Term, _ list: ArraySlice<Term>) -> Bool {
    var low: Int?
    for (place, term) in zip(list.indices, list) {
      if term.form == number.form { return true }
      if term.kind == .range || ["and", "or", "to"].contains(term.form) || term.form.utf8.count == 1,
        Int(term.form) == nil
      {
        continue
      }
      guard let value = Int(term.form) else { return false }
      let isRange = place > list.startIndex && list[place - 1].kind == .range
      if isRange, let low, let asked = Int(number.form), (low...max(low, value)).contains(asked) {
        return true
      }
      low = value
    }
    return false
  }

  private func holdsInCell(_ noun: Term, _ number: Term) -> Bool {
    zip(columns, cells).contains { column, cell in
      column.terms.contains { Self.same($0, noun) } && cell.terms.contains { $0.form == number.form }
    }
  }

  /// True if a text begins with the number: `4.2 Retention` for section 4.2, `3. Open the valve` for step 3. If the
  /// noun is no part of a document, a text must consist of the number, and another text must have the noun.
  private func begins(with number: Term, below noun: Term) -> Bool {
    let isPlace = CommonWords.isPlace(noun)
    return texts.contains { text in
      guard text.terms.first?.form == number.form else { return false }
      if isPlace { return text.terms.count < 2 || text.terms[1].kind != .unit }
      return text.terms.count == 1 && texts.contains { $0.terms.contains { Self.same($0, noun) } }
    }
  }

  /// True for one form and for two inflections of one word. Unlike `Term.equals`, it ignores capitals.
  private static func same(_ a: Term, _ b: Term) -> Bool {
    a.form == b.form || a.bases.contains { b.bases.contains($0) }
  }
}
