import Foundation
import Records

/// A question of a SQuAD file with its known answers.
package struct KnownQuestion: Sendable {
  package var text: String
  package var answers: [String]
  package var isAnswerable: Bool

  /// - Parameter limit: at most this many questions, spread evenly over the file; nil means all.
  /// - Throws: `JSONError` for a line that is not JSON; a Foundation error when the file can't be read.
  package static func read(_ path: String, limit: Int?) throws -> [KnownQuestion] {
    let data = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    let all = try data.split(separator: 0x0A).compactMap { line -> KnownQuestion? in
      let value = try JSONReader.read(Array(line))
      guard let text = value["question"]?.stringValue else { return nil }
      let answers = value["answers"]?.arrayValue?.compactMap(\.stringValue) ?? []
      return KnownQuestion(
        text: text, answers: answers, isAnswerable: value["answerable"]?.boolValue ?? !answers.isEmpty)
    }
    guard let limit, limit < all.count else { return all }
    return (0..<limit).map { all[$0 * all.count / limit] }
  }
}
