import Analysis
import Records
import Segments

/// The terms of a question, analysed in the languages of one tenant's texts.
struct QueryTerms: Sendable {
  /// At most this many terms are searched for.
  static let countMax = 128

  /// In the order of the question, each once.
  var terms: [[UInt8]] = []
  /// The question's terms that are identifiers.
  var identifiers: Set<[UInt8]> = []
  /// The languages in which the question was analysed.
  var languages: [Language] = []
  var isCut = false

  /// - Parameter languages: the commonest of the tenant's rows, or those that all shards must use.
  init(_ question: String, _ languages: [Language], _ rules: AnalysisRules) {
    self.languages = languages
    let analyser = Analyser(rules)
    var seen: Set<[UInt8]> = []
    let bytes = Array(question.utf8)
    // Each piece in all languages before the next piece: so a limit cuts off the question's end, not a language.
    Analyser.pieces(of: bytes) { range in
      for language in languages.isEmpty ? [.unknown] : languages {
        let found = analyser.terms(ofPiece: Array(bytes[range]), language) { identifiers.insert($0) }
        for term in found where seen.insert(term).inserted {
          if terms.count < Self.countMax { terms.append(term) } else { isCut = true }
        }
      }
    }
  }

  /// The two commonest languages; of equally common ones those that come first in the alphabet.
  static func commonest(_ languages: [Language: UInt64]) -> [Language] {
    languages.filter { $0.value > 0 }.sorted { a, b in
      a.value != b.value ? a.value > b.value : a.key < b.key
    }.prefix(2).map(\.key).sorted()
  }
}
