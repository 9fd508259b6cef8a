import Foundation
import Records
import Retrieval
import Time

/// The quality of hybrid search for each share of the cosine in the fused score. The best share is chosen on one half
/// of the questions and judged on the other (`Question.isJudged`).
package struct FusionReport: Sendable {
  /// The kinds of questions. Each kind has a share of its own.
  package enum Kind: String, Sendable, CaseIterable {
    case plain = "questions without an identifier"
    case identifier = "questions with an identifier"
  }

  /// nDCG@10 of one kind of questions, for each of `shares`.
  package struct Curve: Sendable {
    package var kind: Kind
    package var fittedCount: Int
    package var fitted: [Double]
    package var judgedCount: Int
    package var judged: [Double]

    /// The share with the highest nDCG@10 on the half for choosing; of several equal ones, the nearest to 0.5.
    package var bestShare: Double {
      let best = fitted.max() ?? 0
      let shares = FusionReport.shares.indices.filter { fitted[$0] >= best }.map { FusionReport.shares[$0] }
      return shares.min { abs($0 - 0.5) < abs($1 - 0.5) } ?? 0.5
    }
  }

  package static let shares = (0...20).map { Double($0) / 20 }

  package let curves: [Curve]
  private let candidates: SearchedCandidates

  /// - Parameter depth: how many of the best texts of each list are fused.
  package init(_ questions: [Question], _ candidates: SearchedCandidates, depth: Int) {
    self.candidates = candidates
    curves = Kind.allCases.compactMap { kind in
      let own = questions.indices.filter { index in
        let words = candidates.records[index].compactMap(\.words)
        return !candidates.records[index].isEmpty
          && Fusion.namesIdentifier(words) == (kind == .identifier)
      }
      guard !own.isEmpty else { return nil }
      let (first, second) = (own.filter { !questions[$0].isJudged }, own.filter { questions[$0].isJudged })
      func gains(_ chosen: [Int]) -> [Double] {
        Self.shares.map { share in
          let fusion = Fusion(
            rule: .convex(denseShare: share, identifierShare: share), mode: .hybrid, depth: depth)
          return RetrievalScores(
            chosen.map { index in
              let hits = fusion.fuse(candidates.records[index], count: 10).hits
              return (hits.map(\.hit.document.key.id.rawValue), questions[index].relevant)
            }
          ).gain
        }
      }
      return Curve(
        kind: kind, fittedCount: first.count, fitted: gains(first), judgedCount: second.count,
        judged: gains(second))
    }
  }

  /// The 50th and the 95th percentile of the records' sizes in bytes.
  private var sizes: (median: Double, high: Double) {
    let sizes = candidates.sizes.map(Double.init)
    return (Percentile.of(sizes, 0.5), Percentile.of(sizes, 0.95))
  }

  package var json: JSONValue {
    .object([
      "candidates_bytes_p50": .double(sizes.median), "candidates_bytes_p95": .double(sizes.high),
      "statistics_rounds": .int(candidates.sharedRounds),
      "curves": .array(
        curves.map { curve in
          .object([
            "kind": .string(curve.kind.rawValue), "fitted_questions": .int(curve.fittedCount),
            "judged_questions": .int(curve.judgedCount), "best_share": .double(curve.bestShare),
            "shares": .array(Self.shares.map { .double($0) }),
            "fitted_ndcg_at_10": .array(curve.fitted.map { .double($0) }),
            "judged_ndcg_at_10": .array(curve.judged.map { .double($0) }),
          ])
        }),
    ])
  }

  package var text: String {
    var lines = [
      String(
        format:
          "candidates: %.0f bytes a record at p50, %.0f at p95; %d of %d queries searched once more for "
          + "statistics", sizes.median, sizes.high, candidates.sharedRounds, candidates.records.count)
    ]
    // With one half empty there is nothing to compare.
    for curve in curves where curve.fittedCount > 0 && curve.judgedCount > 0 {
      lines.append(
        "\(curve.kind.rawValue): the best share of the cosine on \(curve.fittedCount) of them is "
          + String(format: "%.2f", curve.bestShare) + "; nDCG@10 by share on these, and on the other "
          + "\(curve.judgedCount):")
      for (index, share) in Self.shares.enumerated() where index % 2 == 0 || share == curve.bestShare {
        lines.append(String(format: "  %.2f  %.4f  %.4f", share, curve.fitted[index], curve.judged[index]))
      }
    }
    return lines.joined(separator: "\n")
  }
}
