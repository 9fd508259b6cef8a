import Foundation
import Records

/// Recall at 1, 5 and 10 of questions whose documents are known.
package struct RetrievalReport: Sendable {
  package var questions: [Question]
  package var answers: [AnswerRecord?]
  package var seconds: Double
  /// Nil when the answers were not verified.
  package var mismatches: [String]?

  package init(questions: [Question], answers: [AnswerRecord?], seconds: Double) {
    self.questions = questions
    self.answers = answers
    self.seconds = seconds
  }

  private func recall(at count: Int) -> Double {
    let found = zip(questions, answers).count { question, answer in
      answer?.citations.prefix(count).contains { question.relevant.contains($0.documentID.rawValue) } ?? false
    }
    return Double(found) / Double(max(1, questions.count))
  }

  private var missing: Int { answers.count { $0 == nil } }
  private var partial: Int { answers.count { ($0?.shardsAnswered ?? 0) < ($0?.shardsTotal ?? 0) } }
  package var isGood: Bool { missing == 0 && (mismatches?.isEmpty ?? true) }

  package var json: JSONValue {
    .object([
      "questions": .int(questions.count), "missing": .int(missing), "partial": .int(partial),
      "recall_at_1": .double(recall(at: 1)), "recall_at_5": .double(recall(at: 5)),
      "recall_at_10": .double(recall(at: 10)),
      "questions_per_second": .double(Double(questions.count) / seconds),
      "mismatches": mismatches.map { .int($0.count) },
    ])
  }

  package var text: String {
    var lines = [
      "\(questions.count) questions in \(String(format: "%.1f", seconds)) s, \(missing) without answer, "
        + "\(partial) from only some of the shards",
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
