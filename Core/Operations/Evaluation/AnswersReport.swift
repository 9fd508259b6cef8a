import Foundation
import Records

/// The quality of answers: exact match and F1 as in SQuAD, citations and refusals.
package struct AnswersReport: Sendable {
  var count = 0
  var missing = 0
  var answerable = 0
  /// Answerable questions that were answered, and how many of these have a citation that contains a known answer.
  var answered = 0
  var holding = 0
  var ownWords = 0
  var exact = 0.0
  var f1 = 0.0
  var citations = 0
  var rightCitations = 0
  var refused = 0
  var rightlyRefused = 0
  var unanswerable = 0
  var engines: [String: Int] = [:]
  var seconds: Double

  /// - Parameter answers: one per question, in the same order.
  package init(
    _ questions: [KnownQuestion], _ answers: [AnswerRecord?], _ documents: [DocumentRecord], seconds: Double
  ) {
    self.seconds = seconds
    count = questions.count
    var texts: [String: [UInt8]] = [:]
    for document in documents {
      if case .text(let text) = document.content { texts[document.id.rawValue] = Array(text.utf8) }
    }
    for (question, answer) in zip(questions, answers) {
      if question.isAnswerable { answerable += 1 } else { unanswerable += 1 }
      guard let answer, answer.status == .answered || answer.status == .refused else {
        missing += 1
        continue
      }
      if answer.status == .refused {
        refused += 1
        if !question.isAnswerable { rightlyRefused += 1 }
        continue
      }
      engines[answer.engine, default: 0] += 1
      if answer.explanation.map({ $0.count(.kept) > 0 }) ?? false { ownWords += 1 }
      for citation in answer.citations {
        citations += 1
        let (start, end) = (Int(clamping: citation.start), Int(clamping: citation.end))
        if let text = texts[citation.documentID.rawValue], start < end, end <= text.count,
          text[start..<end].elementsEqual(citation.quote.utf8)
        {
          rightCitations += 1
        }
      }
      guard question.isAnswerable else { continue }
      answered += 1
      if question.answers.contains(where: { gold in
        !gold.isEmpty && answer.citations.contains { $0.quote.localizedCaseInsensitiveContains(gold) }
      }) {
        holding += 1
      }
      let said = answer.text.replacing(/\s*\[\d+\]/, with: "")
      exact += question.answers.map { SQuAD.isExact(said, $0) ? 1 : 0 }.max() ?? 0
      f1 += question.answers.map { SQuAD.f1(said, $0) }.max() ?? 0
    }
  }

  private func share(_ part: some BinaryInteger, _ whole: some BinaryInteger) -> Double {
    whole == 0 ? 0 : Double(part) / Double(whole)
  }
  private var rightShare: Double { citations == 0 ? 1 : share(rightCitations, citations) }
  package var isGood: Bool { missing == 0 && rightCitations == citations }

  package var json: JSONValue {
    .object([
      "questions": .int(count), "missing": .int(missing), "answerable": .int(answerable),
      "exact_match": .double(exact / Double(max(1, answerable))),
      "f1": .double(f1 / Double(max(1, answerable))),
      "answered": .double(share(answered, answerable)),
      "holding_the_answer": .double(share(holding, answered)),
      "in_the_llms_words": .int(ownWords),
      "citations": .int(citations), "citations_right": .double(rightShare),
      "refused": .int(refused), "refusal_precision": .double(share(rightlyRefused, refused)),
      "refusal_recall": .double(share(rightlyRefused, unanswerable)),
      "engines": .object(
        engines.sorted { $0.key < $1.key }.map { JSONMember(name: $0.key, value: .int($0.value)) }),
      "questions_per_second": .double(Double(count) / seconds),
    ])
  }

  package var text: String {
    let used = engines.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    return [
      "\(count) questions (\(answerable) answerable) in \(String(format: "%.1f", seconds)) s, "
        + "\(missing) without answer",
      String(
        format: "exact match %.3f  F1 %.3f  (answerable questions only)", exact / Double(max(1, answerable)),
        f1 / Double(max(1, answerable))),
      String(
        format: "answered %.3f of the answerable; a citation holds a known answer in %.3f of these",
        share(answered, answerable), share(holding, answered)),
      "citations \(citations), share correct \(String(format: "%.4f", rightShare))",
      String(
        format: "refused %d: precision %.3f  recall %.3f", refused, share(rightlyRefused, refused),
        share(rightlyRefused, unanswerable)),
      "answered by \(used); \(ownWords) with a sentence in the LLM's words",
    ].joined(separator: "\n")
  }
}
