import Encoder
import Foundation
import Parsing
import Records

/// Answers by quoting: the sentences of the context that are nearest to the question, each with its citation.
package struct ExtractiveAnswerer: Sendable {
  package static let engine = "extractive"
  /// Sentences below this share of the best one's score add noise, not support.
  private static let keepShare = 0.85

  private let encoder: Encoder
  private let refusalScore: Double
  private let sentencesMax: Int

  package init(encoder: Encoder, refusalScore: Double, sentencesMax: Int) {
    self.encoder = encoder
    self.refusalScore = refusalScore
    self.sentencesMax = sentencesMax
  }

  private struct Candidate {
    var item: ContextItem
    var range: Range<Int>
    var text: String
    var score: Double
  }

  /// - Parameter isUsable: false for documents that must not be quoted (they changed).
  /// - Returns: `answered` with citations, or `refused` when no sentence comes near enough.
  package func answer(_ prompt: PromptRecord, isUsable: (ContextItem) -> Bool) async -> AnswerRecord {
    var candidates: [Candidate] = []
    for item in prompt.context where isUsable(item) {
      let bytes = Array(item.text.utf8)
      for range in SentenceSplitter.sentences(in: bytes, 0..<bytes.count) {
        let text = String(decoding: bytes[range], as: UTF8.self)
        guard text.contains(where: \.isLetter) else { continue }
        candidates.append(Candidate(item: item, range: range, text: text, score: 0))
      }
    }
    let chosen = await choose(candidates, prompt)
    var answer = AnswerRecord(
      id: prompt.flight.query.id.rawValue, tenant: prompt.flight.query.tenant.rawValue,
      status: chosen.isEmpty ? .refused : .answered)
    answer.engine = Self.engine
    answer.model = encoder.modelID
    answer.citations = chosen.enumerated().map { index, candidate in
      AnswerRecord.Citation(
        n: index + 1, documentID: candidate.item.document.key.id, version: candidate.item.document.version,
        chunkID: candidate.item.chunkID, title: candidate.item.document.title,
        uri: candidate.item.document.uri,
        start: candidate.item.start + UInt64(candidate.range.lowerBound),
        end: candidate.item.start + UInt64(candidate.range.upperBound), quote: candidate.text,
        score: (candidate.score * 1e6).rounded() / 1e6)
    }
    answer.text =
      chosen.isEmpty
      ? "Nothing in the documents answers this question."
      : chosen.enumerated().map { "\(Self.folded($1.text)) [\($0 + 1)]" }.joined(separator: " ")
    return answer
  }

  private static func folded(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  private func choose(_ candidates: [Candidate], _ prompt: PromptRecord) async -> [Candidate] {
    guard !candidates.isEmpty, prompt.vector.count == encoder.dimension else { return [] }
    let vectors = await encoder.encode(
      candidates.map { candidate in
        // The heading says what a sentence is about when the sentence itself does not.
        let heading = candidate.item.headingPath.last ?? candidate.item.document.title
        return heading.isEmpty ? candidate.text : "\(heading): \(candidate.text)"
      })
    let dimension = encoder.dimension
    var scored = candidates
    for index in scored.indices {
      var dot: Float = 0
      for column in 0..<dimension { dot += vectors[index * dimension + column] * prompt.vector[column] }
      scored[index].score = Double(dot)
    }
    scored.sort { a, b in
      if a.score != b.score { return a.score > b.score }
      if a.item.document.key.id != b.item.document.key.id {
        return a.item.document.key.id < b.item.document.key.id
      }
      return a.item.start + UInt64(a.range.lowerBound) < b.item.start + UInt64(b.range.lowerBound)
    }
    guard let best = scored.first, best.score >= refusalScore else { return [] }
    var chosen: [Candidate] = []
    var seen: Set<String> = []
    for candidate in scored where candidate.score >= best.score * Self.keepShare {
      guard seen.insert(Self.folded(candidate.text)).inserted else { continue }
      chosen.append(candidate)
      if chosen.count == sentencesMax { break }
    }
    return chosen
  }
}
