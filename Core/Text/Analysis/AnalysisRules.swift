/// The rules that must be equal for the terms of two analyses to match.
package struct AnalysisRules: Sendable, Equatable {
  /// Raise this when the same text yields other terms.
  private static let version = 2

  /// Whether `café` and `cafe` are one term. Vietnamese keeps its marks: they tell words apart.
  package var foldsAccents: Bool

  package init(foldsAccents: Bool = true) { self.foldsAccents = foldsAccents }

  /// Stored beside the terms: an index with another mark is built anew.
  package var mark: String { "\(Self.version) icu\(WordBreaks.version)\(foldsAccents ? "" : " accents")" }
}
