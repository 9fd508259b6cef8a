import Foundation
import Records

/// How well the relevant documents of questions were found, by search mode.
package struct RetrievalReport: Sendable {
  /// The answers of one search mode.
  package struct Run: Sendable {
    package var mode: QueryRecord.SearchMode
    package var answers: [AnswerRecord?]
    package var seconds: Double

    package init(mode: QueryRecord.SearchMode, answers: [AnswerRecord?], seconds: Double) {
      self.mode = mode
      self.answers = answers
      self.seconds = seconds
    }

    var missing: Int { answers.count { $0 == nil } }
    var partial: Int { answers.count { ($0?.shardsAnswered ?? 0) < ($0?.shardsTotal ?? 0) } }
  }

  package var questions: [Question]
  package var runs: [Run]
  /// A line for each answer of the mode dense that differs from a brute-force scan; nil when none were compared.
  package var mismatches: [String]?
  /// The fusion report of the mode hybrid; nil when that mode was not run.
  package var fusion: FusionReport?

  package init(questions: [Question], runs: [Run]) {
    self.questions = questions
    self.runs = runs
  }

  package var isGood: Bool { runs.allSatisfy { $0.missing == 0 } && (mismatches?.isEmpty ?? true) }

  private func scores(_ run: Run, where isWanted: (Question) -> Bool = { _ in true }) -> RetrievalScores {
    RetrievalScores(
      zip(questions, run.answers).filter { isWanted($0.0) }.map { question, answer in
        (answer?.citations.map(\.documentID.rawValue) ?? [], question.relevant)
      })
  }

  package var json: JSONValue {
    let modes = runs.map { run in
      JSONMember(
        name: run.mode.rawValue,
        value: .object(
          (scores(run).json.members ?? []) + [
            JSONMember(name: "judged_ndcg_at_10", value: .double(scores(run, where: \.isJudged).gain)),
            JSONMember(name: "missing", value: .int(run.missing)),
            JSONMember(name: "partial", value: .int(run.partial)),
            JSONMember(name: "questions_per_second", value: .double(Double(questions.count) / run.seconds)),
          ]))
    }
    return .object(
      [JSONMember(name: "questions", value: .int(questions.count))] + modes
        + (fusion.map { [JSONMember(name: "fusion", value: $0.json)] } ?? [])
        + (mismatches.map { [JSONMember(name: "mismatches", value: .int($0.count))] } ?? []))
  }

  package var text: String {
    var lines = ["\(questions.count) questions; in brackets the 95 % interval of a bootstrap"]
    for run in runs {
      lines.append("\(run.mode.rawValue): \(scores(run).text)")
      if run.missing + run.partial > 0 {
        lines.append("  \(run.missing) without answer, \(run.partial) from only some of the shards")
      }
    }
    let judgedCount = questions.count(where: \.isJudged)
    if judgedCount > 0 {
      let judged = runs.map { run in
        "\(run.mode.rawValue) " + String(format: "%.4f", scores(run, where: \.isJudged).gain)
      }
      lines.append(
        "nDCG@10 of the \(judgedCount) questions that no weight was fitted on: \(judged.joined(separator: ", "))"
      )
    }
    if let fusion { lines.append(fusion.text) }
    if let mismatches {
      lines.append("dense compared with a brute-force scan: \(mismatches.count) answers differ")
      lines += mismatches.prefix(5).map { "  \($0)" }
    }
    return lines.joined(separator: "\n")
  }
}
