import Foundation
import Parsing
import Records

/// The sentences of a context with their vectors: what is quoted, and what an LLM's sentences are held against.
struct ContextSentences: Sendable {
  struct Sentence: Sendable {
    var item: ContextItem
    /// UTF-8 byte range in the item's text.
    var range: Range<Int>
    var text: String
    var heading: String
    /// Cosine with the question.
    var score = 0.0

    /// White space folded.
    var folded: String { text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
    /// Tells one place in a document from another.
    var place: String { "\(item.document.key)@\(item.document.version):\(start)" }
    private var start: UInt64 { item.start + UInt64(range.lowerBound) }

    func citation(_ number: Int) -> AnswerRecord.Citation {
      AnswerRecord.Citation(
        n: number, documentID: item.document.key.id, version: item.document.version, chunkID: item.chunkID,
        title: item.document.title, uri: item.document.uri, start: start,
        end: item.start + UInt64(range.upperBound), quote: text, score: (score * 1e6).rounded() / 1e6)
    }
  }

  private(set) var sentences: [Sentence] = []
  private var vectors: [Float] = []
  private let dimension: Int

  /// Embeds the sentences of the context that are not known, in one call.
  ///
  /// - Parameter question: the question's unit vector, of the encoder's dimension.
  init(_ context: [ContextItem], question: [Float], known: SentenceVectors, dimension: Int) async {
    self.dimension = dimension
    for item in context {
      let bytes = Array(item.text.utf8)
      for range in SentenceSplitter.sentences(in: bytes, 0..<bytes.count) {
        let text = String(decoding: bytes[range], as: UTF8.self)
        guard text.contains(where: { $0.isLetter || $0.isNumber }) else { continue }
        sentences.append(
          Sentence(
            item: item, range: range, text: text, heading: item.headingPath.last ?? item.document.title))
      }
    }
    guard question.count == dimension else {
      sentences = []
      return
    }
    // The heading says what a sentence is about when the sentence itself does not.
    vectors = await known.vectors(
      of: sentences.map { $0.heading.isEmpty ? $0.text : "\($0.heading): \($0.text)" })
    for (index, score) in scores(question).enumerated() { sentences[index].score = score }
  }

  /// The cosine of each sentence with a unit vector.
  func scores(_ vector: [Float]) -> [Double] {
    sentences.indices.map { row in
      var dot: Float = 0
      for column in 0..<dimension { dot += vectors[row * dimension + column] * vector[column] }
      return Double(dot)
    }
  }

  /// Positions in `sentences`, best first, with a fixed order among equals.
  var ranking: [Int] {
    sentences.indices.sorted { first, second in
      let (a, b) = (sentences[first], sentences[second])
      if a.score != b.score { return a.score > b.score }
      if a.item.document.key.id != b.item.document.key.id {
        return a.item.document.key.id < b.item.document.key.id
      }
      return a.place < b.place
    }
  }
}
