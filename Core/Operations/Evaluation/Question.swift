import CommandLine
import Foundation
import Records
import Segments

/// A question with the documents that answer it.
package struct Question: Sendable {
  package var text: String
  package var relevant: Set<String>

  /// True for the half of the questions on which no weight was fitted. Questions with the same first document (by ID)
  /// are in the same half.
  package var isJudged: Bool { KeyHash.of(Array((relevant.min() ?? "").utf8)) % 2 == 1 }

  /// Reads the questions that name relevant documents.
  ///
  /// - Parameter limit: stops after this many questions; nil means all.
  /// - Throws: `UsageError` when the file holds no such question; `JSONError` for a line that is not JSON; a
  ///   Foundation error when the file can't be read.
  package static func read(_ path: String, limit: Int?) throws -> [Question] {
    let data = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    var questions: [Question] = []
    for line in data.split(separator: 0x0A) {
      let value = try JSONReader.read(Array(line))
      let relevant = Set(value["relevant_doc_ids"]?.arrayValue?.compactMap(\.stringValue) ?? [])
      guard let text = value["question"]?.stringValue, !relevant.isEmpty else { continue }
      questions.append(Question(text: text, relevant: relevant))
      if questions.count == limit { break }
    }
    guard !questions.isEmpty else {
      throw UsageError("--questions: '\(path)' must hold lines with question and relevant_doc_ids")
    }
    return questions
  }
}
