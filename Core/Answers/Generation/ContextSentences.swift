import Foundation
import Parsing
import Records

/// The sentences of a context with their vectors. Quotes are taken from them, and they support the LLM's
/// sentences.
struct ContextSentences: Sendable {
  struct Sentence: Sendable {
    var item: ContextItem
    /// UTF-8 byte range in the item's text.
    var range: Range<Int>
    var text: String
    var heading: String
    /// What the text does not say itself: a row's column names.
    var context: String
    /// Cosine with the question.
    var score = 0.0

    /// The text with white space folded.
    var folded: String { text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
    /// Identifies the sentence's place in a document. It uses the key's bytes, because Swift treats some ids
    /// with different bytes as equal strings.
    var place: String { "\(item.document.key.bytes)@\(item.document.version):\(start)" }
    private var start: UInt64 { item.start + UInt64(range.lowerBound) }

    func citation(_ number: Int) -> AnswerRecord.Citation {
      var citation = AnswerRecord.Citation(
        n: number, documentID: item.document.key.id, version: item.document.version, chunkID: item.chunkID,
        title: item.document.title, uri: CitationURI.shown(item.document.uri), start: start,
        end: item.start + UInt64(range.upperBound), quote: text, score: (score * 1e6).rounded() / 1e6)
      citation.context = context
      citation.alsoIn = item.copies.map { copy in
        var shown = copy
        shown.uri = CitationURI.shown(copy.uri)
        return shown
      }
      return citation
    }
  }

  /// How many sentences are embedded for one question. The encoder and a local LLM share the processor, so
  /// more sentences slow the LLM down.
  private static let countMax = 12

  private(set) var sentences: [Sentence] = []
  private var vectors: [Float] = []
  private let dimension: Int

  /// Takes the most promising sentences and embeds those without a known vector, in one call.
  ///
  /// - Parameters:
  ///   - context: best first.
  ///   - question: the unit vector of each window of its text. With another dimension than the encoder's, no sentence
  ///     is taken.
  init(
    _ context: [ContextItem], query: QueryRecord, question: [Float], known: SentenceVectors, dimension: Int
  ) async {
    self.dimension = dimension
    for item in context {
      let bytes = Array(item.text.utf8)
      for range in Self.ranges(of: item, bytes) {
        let text = String(decoding: bytes[range], as: UTF8.self)
        guard text.contains(where: { $0.isLetter || $0.isNumber }) else { continue }
        sentences.append(
          Sentence(
            item: item, range: range, text: text, heading: item.headingPath.last ?? item.document.title,
            context: item.context))
      }
    }
    guard !question.isEmpty, question.count % dimension == 0 else {
      sentences = []
      return
    }
    sentences = Self.promising(sentences, of: context, for: query.text)
    // The heading says what a sentence is about, which the sentence itself may not say.
    vectors = await known.vectors(
      of: sentences.map { sentence in
        [sentence.heading, sentence.context, sentence.text].filter { !$0.isEmpty }.joined(separator: ": ")
      })
    for (index, score) in scores(question).enumerated() { sentences[index].score = score }
  }

  /// The sentences as ingest has found them; text of an earlier release is split here.
  private static func ranges(of item: ContextItem, _ bytes: [UInt8]) -> [Range<Int>] {
    let ends = item.sentenceEnds.ends(limit: bytes.count)
    guard !ends.isEmpty else { return SentenceSplitter.sentences(in: bytes, 0..<bytes.count) }
    var ranges: [Range<Int>] = []
    var start = 0
    for end in ends + [bytes.count] where end > start {
      // Only the end of a character is an end, whatever a record says.
      if end < bytes.count, bytes[end] & 0xC0 == 0x80 { continue }
      var (from, to) = (start, end)
      while from < to, isBlank(bytes[from]) { from += 1 }
      while to > from, isBlank(bytes[to - 1]) { to -= 1 }
      if from < to { ranges.append(from..<to) }
      start = end
    }
    return ranges
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  /// Chooses `countMax` sentences by the rank of their passage and by the words that they share with the
  /// question. They stay in the order of the context.
  private static func promising(_ sentences: [Sentence], of context: [ContextItem], for question: String)
    -> [Sentence]
  {
    guard sentences.count > countMax else { return sentences }
    let ranks = Dictionary(
      context.enumerated().map { ($1.chunkID, $0) }, uniquingKeysWith: { first, _ in first })
    let asked = Set(Support.words(question).filter { $0.count >= 3 }.map(Support.stem))
    let promise = sentences.map { sentence in
      let words = Set(
        Support.words("\(sentence.heading) \(sentence.context) \(sentence.text)").map(Support.stem))
      let shared = Double(asked.intersection(words).count) / Double(max(1, asked.count))
      return shared + 1 / Double(1 + (ranks[sentence.item.chunkID] ?? 0))
    }
    let best = sentences.indices.sorted { promise[$0] == promise[$1] ? $0 < $1 : promise[$0] > promise[$1] }
    return best.prefix(countMax).sorted().map { sentences[$0] }
  }

  /// The position of the best sentence that contains `text` word for word; nil when none does.
  func position(holding text: String) -> Int? {
    sentences.indices.filter { Support.quotes(sentences[$0].text, text) }
      .max { sentences[$0].score < sentences[$1].score }
  }

  /// The cosine of each sentence with the nearest of some unit vectors, which lie one after another.
  func scores(_ vector: [Float]) -> [Double] {
    sentences.indices.map { row in
      stride(from: 0, to: vector.count, by: dimension).map { window in
        var dot: Float = 0
        for column in 0..<dimension { dot += vectors[row * dimension + column] * vector[window + column] }
        return Double(dot)
      }.max() ?? 0
    }
  }

  /// Positions in `sentences`, best first; equal scores have a fixed order.
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
