import Foundation

/// The weights of a logistic model: how likely a sentence answers a question, from `SentenceFeatures`.
package struct AnswerWeights: Sendable {
  /// Where the numbers come from; printed by `millrace explain`.
  package let origin: String
  let bias: Double
  let weights: [Double]

  package func probability(_ features: SentenceFeatures) -> Double {
    let sum = zip(weights, features.values).reduce(bias) { $0 + $1.0 * $1.1 }
    return 1 / (1 + exp(-sum))
  }

  /// Fitted by `Tests/Scripts/fit_refusals.py`. They must be fitted again when the encoder's class changes.
  package static let shipped = AnswerWeights(
    origin:
      "all-MiniLM-L6-v2 in int8, squad2-dev's articles at even places and questions of other corpora, 2026-11-30",
    bias: -6.9019,
    weights: [
      2.2501, 0.9843, 2.7807, 0.4896, 1.8987, -0.7924, 0.1261, 1.1972, 0.0234, 0.4031, 0.1700, 0.0936,
      -1.1106,
      0.6542,
    ] + byHand)

  /// No set of questions with known answers asks for identifiers or is answered by headings. A sentence that has the
  /// question's identifier is likelier to answer it; a heading answers it if it speaks of what was asked, or has a value
  /// of the kind that was asked for.
  private static let byHand = [2.0, -2.0, 1.5]
}
