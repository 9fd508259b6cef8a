/// One term of a sentence, in the form in which two sentences are compared.
package struct Term: Sendable, Equatable {
  package enum Kind: Sendable {
    case word
    /// A number without its unit: `1000` for `1,000` and for `one thousand`.
    case number
    /// `3rd` for `third`.
    case ordinal
    /// `22:00` for `10 pm`.
    case time
    /// `2026-03-01` for `March 1, 2026`; `--03-01` without a year.
    case date
    /// The mark between the two ends of a range.
    case range
    /// A unit of measurement or a currency behind a number.
    case unit
    /// A comparison, as a sign or as a phrase (`≤` for `at most` and `no more than`), or another meaningful symbol.
    case relation
    /// Letters and digits that are written together: `P-087`, `v1.29.3`, `0x80070057`.
    case code
  }

  /// The form that is compared.
  package var form: String
  package var kind: Kind
  /// The text that the term was read from, folded; for explanations.
  package var text: String
  /// True for a word that begins with a capital letter and either does not begin the sentence or has more capitals.
  package var isName = false
  /// True for a word that is all capitals: an acronym, or a word that is shouted.
  package var isInCapitals = false
  /// True for a word that begins with a small letter and has a capital inside: `maxRetries`.
  package var isMixed = false
  /// The base forms of which the word may be an inflection; empty if it has none.
  package var bases: [String] = []

  package init(_ form: String, _ kind: Kind, text: String) {
    self.form = form
    self.kind = kind
    self.text = text
  }

  /// True if the two terms say the same: one form, or two inflections of one word. A name has no inflections.
  package func equals(_ other: Term) -> Bool {
    if form == other.form {
      // IT is not "it".
      return isInCapitals == other.isInCapitals || !CommonWords.isFunction(form)
    }
    guard kind == .word, other.kind == .word, !isName, !other.isName else { return false }
    guard bases.contains(where: other.bases.contains) else { return false }
    let isGoing = form.hasSuffix("ing")
    if isGoing == other.form.hasSuffix("ing") { return true }
    return !Inflection.isPast(isGoing ? other.form : form)
  }
}
