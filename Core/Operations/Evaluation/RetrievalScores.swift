import Foundation
import Records

/// How well the relevant documents of questions were found. If several chunks of a document are ranked, the first one
/// counts.
package struct RetrievalScores: Sendable {
  /// Measures of one question.
  struct Question: Sendable {
    /// Normalised discounted cumulative gain at 10; every relevant document gains 1 (Järvelin and Kekäläinen 2002,
    /// doi:10.1145/582415.582418).
    var gain: Double
    /// 1 / rank of the first relevant document within 10.
    var reciprocalRank: Double
    /// Whether a relevant document is among the first 1, 5 and 10.
    var found: [Int: Bool]
  }

  /// Numbers that look random and are the same in each run (a linear congruential generator of Knuth's).
  private struct Draws {
    private var state: UInt64 = 18

    mutating func next(below count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(count))
    }
  }

  /// The ranks at which recall is measured.
  static let depths = [1, 5, 10]
  private static let drawsMax = 1000

  let questions: [Question]

  /// - Parameter rankings: for each question its documents, best first.
  package init(_ rankings: [(ranking: [String], relevant: Set<String>)]) {
    questions = rankings.map { ranking, relevant in
      var seen: Set<String> = []
      let documents = Array(ranking.filter { seen.insert($0).inserted }.prefix(10))
      let gain = documents.enumerated().reduce(0.0) { sum, entry in
        relevant.contains(entry.element) ? sum + 1 / log2(Double(entry.offset + 2)) : sum
      }
      let ideal = (0..<min(10, relevant.count)).reduce(0.0) { $0 + 1 / log2(Double($1 + 2)) }
      let first = documents.firstIndex { relevant.contains($0) }
      return Question(
        gain: ideal > 0 ? gain / ideal : 0, reciprocalRank: first.map { 1 / Double($0 + 1) } ?? 0,
        found: Dictionary(
          uniqueKeysWithValues: Self.depths.map { depth in (depth, first.map { $0 < depth } ?? false) }))
    }
  }

  private func mean(_ value: (Question) -> Double) -> Double {
    questions.reduce(0) { $0 + value($1) } / Double(max(1, questions.count))
  }

  package var gain: Double { mean(\.gain) }
  package var reciprocalRank: Double { mean(\.reciprocalRank) }
  package func recall(at depth: Int) -> Double { mean { $0.found[depth] ?? false ? 1 : 0 } }

  /// The 95 % interval of a mean by the bootstrap (Efron 1979): a thousand samples of the questions, drawn with
  /// replacement, the same in each run.
  private func interval(_ value: (Question) -> Double) -> (low: Double, high: Double) {
    let values = questions.map(value)
    guard !values.isEmpty else { return (0, 0) }
    var draws = Draws()
    let means = (0..<Self.drawsMax).map { _ in
      values.indices.reduce(0.0) { sum, _ in sum + values[draws.next(below: values.count)] }
        / Double(values.count)
    }.sorted()
    return (means[Self.drawsMax / 40], means[Self.drawsMax - 1 - Self.drawsMax / 40])
  }

  package var json: JSONValue {
    func measure(_ value: @escaping (Question) -> Double) -> JSONValue {
      let (low, high) = interval(value)
      return .object(["value": .double(mean(value)), "low": .double(low), "high": .double(high)])
    }
    var members = [
      JSONMember(name: "ndcg_at_10", value: measure(\.gain)),
      JSONMember(name: "mrr_at_10", value: measure(\.reciprocalRank)),
    ]
    for depth in Self.depths {
      members.append(
        JSONMember(name: "recall_at_\(depth)", value: measure { $0.found[depth] ?? false ? 1 : 0 }))
    }
    return .object(members)
  }

  package var text: String {
    func part(_ name: String, _ value: (Question) -> Double) -> String {
      let (low, high) = interval(value)
      return "\(name) " + String(format: "%.4f (%.3f-%.3f)", mean(value), low, high)
    }
    return
      ([part("nDCG@10", \.gain), part("MRR@10", \.reciprocalRank)]
      + Self.depths.map { depth in part("recall@\(depth)") { $0.found[depth] ?? false ? 1 : 0 } })
      .joined(separator: "  ")
  }
}
