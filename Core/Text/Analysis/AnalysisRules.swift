/// What two analyses must have in common for their terms to match.
package struct AnalysisRules: Sendable, Equatable {
  /// Raised when terms are formed in another way.
  private static let version = 2

  /// Whether `café` and `cafe` are one term. Vietnamese keeps its marks: they tell words apart.
  package var foldsAccents: Bool

  package init(foldsAccents: Bool = true) { self.foldsAccents = foldsAccents }

  /// Stored beside terms: an index with another mark is made anew.
  package var mark: String { "\(Self.version) icu\(WordBreaks.version)\(foldsAccents ? "" : " accents")" }
}
