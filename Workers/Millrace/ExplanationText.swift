import Foundation
import Records

/// Why an answer says what it says, as `millrace explain` prints it.
enum ExplanationText {
  static func lines(_ explanation: AnswerExplanation) -> [String] {
    var lines: [String] = []
    switch explanation.refusal {
    case .identifier:
      lines.append(
        "refused: no sentence has what the question names: \(explanation.missing.joined(separator: ", "))")
    case .probability:
      lines.append(
        String(
          format: "refused: the best sentence answers the question with a probability of %.3f, below %.3f",
          explanation.probability, explanation.threshold) + " (generate.refusalScore)")
    case .llm: lines.append("refused: the LLM found no answer in the documents")
    case nil:
      lines.append(
        String(
          format: "the best sentence answers the question with a probability of %.3f; %.3f is asked for",
          explanation.probability, explanation.threshold))
    }
    if !explanation.features.isEmpty {
      lines.append(
        "made from "
          + explanation.features.map { String(format: "\($0.name) %.3f", $0.value) }.joined(separator: ", "))
    }
    for sentence in explanation.sentences {
      let rule = sentence.rule.map { ", \($0)" } ?? ""
      let words = sentence.words.isEmpty ? "" : ": " + sentence.words.joined(separator: ", ")
      let cited = sentence.citation.map { " [\($0)]" } ?? ""
      lines.append("\(sentence.verdict.rawValue)\(cited)\(rule)\(words)  \u{201C}\(sentence.text)\u{201D}")
    }
    return lines
  }
}
