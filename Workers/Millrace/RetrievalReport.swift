import CommandLine
import Foundation
import KafkaClient
import LocalState
import Records
import Stage

struct RetrievalReport: Sendable {
  var questions: [Question]
  var answers: [AnswerRecord?]
  var seconds: Double
  /// Nil when not verified.
  var mismatches: [String]?

  private func recall(at count: Int) -> Double {
    let found = zip(questions, answers).count { question, answer in
      answer?.citations.prefix(count).contains { question.relevant.contains($0.documentID.rawValue) } ?? false
    }
    return Double(found) / Double(max(1, questions.count))
  }

  private var missing: Int { answers.count { $0 == nil } }
  private var partial: Int { answers.count { ($0?.shardsAnswered ?? 0) < ($0?.shardsTotal ?? 0) } }
  var isGood: Bool { missing == 0 && (mismatches?.isEmpty ?? true) }

  var json: JSONValue {
    .object([
      "questions": .int(questions.count), "missing": .int(missing), "partial": .int(partial),
      "recall_at_1": .double(recall(at: 1)), "recall_at_5": .double(recall(at: 5)),
      "recall_at_10": .double(recall(at: 10)),
      "questions_per_second": .double(Double(questions.count) / seconds),
      "mismatches": mismatches.map { .int($0.count) },
    ])
  }

  var text: String {
    var lines = [
      "\(questions.count) questions in \(String(format: "%.1f", seconds)) s, \(missing) without answer, "
        + "\(partial) from a part of the shards",
      "recall@1 \(String(format: "%.4f", recall(at: 1)))  recall@5 \(String(format: "%.4f", recall(at: 5)))  "
        + "recall@10 \(String(format: "%.4f", recall(at: 10)))",
    ]
    if let mismatches {
      lines.append("compared with a brute-force scan: \(mismatches.count) answers differ")
      lines += mismatches.prefix(5).map { "  \($0)" }
    }
    return lines.joined(separator: "\n")
  }
}
