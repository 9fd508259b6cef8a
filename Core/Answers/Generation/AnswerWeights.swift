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
    bias: -6.9983,
    weights: [
      2.7235, 0.6220, 2.1098, 0.4786, 1.9810, -1.0210, 0.1046, 1.1583, 0.0721, 0.4160, 0.1698, 0.1004,
      -1.1162,
      0.6316,
    ] + byHand)

  /// No set of questions with known answers is answered by headings: a heading answers a question if it speaks of what
  /// was asked, or has a value of the kind that was asked for.
  private static let byHand = [-2.0, 1.5]
}
