import Foundation

/// The weights of a logistic model: how likely a sentence answers a question, from `SentenceFeatures`.
package struct AnswerWeights: Sendable {
  /// Where the numbers come from.
  package let origin: String
  let bias: Double
  let weights: [Double]

  package func probability(_ features: SentenceFeatures) -> Double {
    let sum = zip(weights, features.values).reduce(bias) { $0 + $1.0 * $1.1 }
    return 1 / (1 + exp(-sum))
  }

  /// Fitted by `Tests/Scripts/fit_refusals.py`. They must be fitted again when the encoder's numeric class
  /// changes.
  package static let shipped = AnswerWeights(
    origin:
      "all-MiniLM-L6-v2 in int8, squad2-dev's articles at even places and questions of other corpora, 2026-11-30",
    bias: -7.0959,
    weights: [
      2.6721, 0.7122, 2.1544, 0.5038, 1.9634, -0.9436, 0.1061, 1.1949, 0.0665, 0.4126, 0.1726, 0.1154,
      -1.2375, 0.6587,
    ] + byHand)

  /// The weights of `heading_uncovered` and `heading_value`. They are set by hand, because no set of questions with
  /// known answers has headings as answers. A heading is a likelier answer if it has the question's words, or a value
  /// of the kind that was asked for.
  private static let byHand = [-2.0, 1.5]
}
