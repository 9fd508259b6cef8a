/// Whether two sentences give different values for the same thing.
package enum OtherValue {
  /// True if the sentences are equal except for one value: a number, a date, a name or one other word, with its unit. A
  /// word of the question is no value: sentences that differ in such a word are about different things.
  package static func isGiven(by sentence: Statement, for other: Statement, asked: QuestionFocus) -> Bool {
    let (a, b) = (sentence.terms, other.terms)
    guard a.count == b.count, a.count >= 3 else { return false }
    let differing = a.indices.filter { !a[$0].equals(b[$0]) }
    guard let first = differing.first, let last = differing.last, last - first < 2 else { return false }
    return differing.allSatisfy { place in
      !asked.words.contains { $0.form == a[place].form || $0.form == b[place].form }
        && !SupportRule(a[place]).isSignal && !SupportRule(b[place]).isSignal
    }
  }
}
