import Foundation
import Parsing
import Records
import Statements
import Tokenizer

/// The most promising sentences of a context, with their probabilities. Quotes are taken from them, and the LLM's
/// sentences must be supported by them.
package struct ContextSentences: Sendable {
  /// How many sentences are embedded for one question. The encoder and a local LLM share the processor, so
  /// more sentences slow the LLM down.
  private static let countMax = 12

  private(set) var sentences: [ContextSentence] = []
  package let focus: QuestionFocus
  private let dimension: Int

  /// Takes the most promising sentences and embeds those without a known vector, in one call.
  ///
  /// - Parameters:
  ///   - context: best first.
  ///   - question: the unit vectors of the windows of its text, one after another. If it is empty or its length is not
  ///     a multiple of `dimension`, no sentence is taken.
  init(
    _ context: [ContextItem], query: QueryRecord, question: [Float], known: SentenceVectors, dimension: Int,
    weights: AnswerWeights = .shipped
  ) async {
    self.dimension = dimension
    focus = QuestionFocus(query.text)
    guard !question.isEmpty, question.count % dimension == 0 else { return }
    let chosen = PromisingSentences(query.text, focus).choose(
      Self.candidates(context), countMax: Self.countMax)
    var read: [String: Statement] = [:]
    sentences = chosen.map { candidate in
      let frames = ContextSentence.frameTexts(candidate.item).map { text in
        let statement = read[text] ?? Statement(text, isLabel: true)
        read[text] = statement
        return statement
      }
      return ContextSentence(
        candidate.item, range: candidate.range, quote: candidate.quote, quotedHeading: candidate.heading,
        frames: frames)
    }
    let vectors = await known.vectors(of: sentences.map(\.embedded))
    let scores = Self.scores(vectors, count: sentences.count, question, dimension)
    for (index, score) in scores.enumerated() { sentences[index].score = score }
    weigh(query, context, weights)
  }

  /// Gives each sentence its probability.
  private mutating func weigh(_ query: QueryRecord, _ context: [ContextItem], _ weights: AnswerWeights) {
    let frame = SentenceFeatures.Frame(focus, query, context)
    var sections: [String: MissingNames] = [:]
    var missing: [Double] = []
    for index in sentences.indices {
      let item = sentences[index].item
      let section = "\(item.document.key.bytes) \(item.firstChunk)"
      let names = sections[section] ?? missingNames(item)
      sections[section] = names
      missing.append(names.share)
      // A section that has none of the question's names is about something else, however similar its words are.
      sentences[index].hasIdentifiers = !names.isForeign
      if !names.isForeign, !focus.identifiers.isEmpty {
        sentences[index].hasIdentifiers = focus.identifiers.allSatisfy(sentences[index].passage.holds)
      }
    }
    // A sentence without the question's identifiers does not compete for the best score.
    let scores = sentences.filter(\.hasIdentifiers).map(\.score).sorted(by: >)
    let (best, second) = (scores.first ?? 0, scores.dropFirst().first ?? 0)
    for index in sentences.indices {
      let sentence = sentences[index]
      let features = frame.features(
        cosine: sentence.score, gap: sentence.score - (sentence.score >= best ? second : best),
        own: sentence.source.own.terms, around: sentence.source.frames.flatMap(\.terms),
        namesMissing: missing[index], item: sentence.item, isHeading: sentence.quotedHeading != nil)
      sentences[index].features = features
      sentences[index].covered = features.covered
      sentences[index].probability = weights.probability(features)
    }
  }

  /// How many of the question's names stand neither in a section's text nor in its headings, its title or its columns.
  private struct MissingNames {
    /// The share of the names that are missing.
    var share = 0.0
    /// True if the question has names and all are missing.
    var isForeign = false
  }

  private func missingNames(_ item: ContextItem) -> MissingNames {
    guard !focus.names.isEmpty else { return MissingNames() }
    let words = Set(
      PromisingSentences.words(
        "\(item.text) \(item.headingPath.joined(separator: " ")) \(item.document.title) \(item.context)"))
    let missing = focus.names.filter { name in
      !words.contains(name.form) && !words.contains(name.form + "s") && !words.contains(name.form + "'s")
        && !name.bases.contains(where: words.contains)
    }
    return MissingNames(
      share: Double(missing.count) / Double(focus.names.count),
      isForeign: missing.count == focus.names.count)
  }

  /// Identifiers of the question that no sentence has, and all its names if no sentence's section has any of them.
  var missingIdentifiers: [String] {
    guard !focus.identifiers.isEmpty || !focus.names.isEmpty else { return [] }
    let passages = focus.identifiers.isEmpty ? [] : sentences.map(\.passage)
    let identifiers = focus.identifiers.filter { identifier in !passages.contains { $0.holds(identifier) } }
    let isNamed = sentences.isEmpty || sentences.contains { !missingNames($0.item).isForeign }
    return identifiers.map(\.text) + (isNamed ? [] : focus.names.map(\.text))
  }

  /// The sentences of all items, and the headings that give a value.
  private static func candidates(_ context: [ContextItem]) -> [PromisingSentences.Candidate] {
    var found: [PromisingSentences.Candidate] = []
    var seen: Set<String> = []
    for (rank, item) in context.enumerated() {
      let bytes = Array(item.text.utf8)
      var first: Range<Int>?
      for range in ranges(of: item, bytes) {
        let text = String(decoding: bytes[range], as: UTF8.self)
        guard text.contains(where: { $0.isLetter || $0.isNumber }) else { continue }
        first = first ?? range
        found.append(.init(item: item, rank: rank, range: range, quote: text, heading: nil))
      }
      guard let first else { continue }
      for heading in item.headingPath
      where saysSomething(heading) && seen.insert("\(item.document.key.bytes) \(heading)").inserted {
        found.append(
          .init(
            item: item, rank: rank, range: first, quote: String(decoding: bytes[first], as: UTF8.self),
            heading: heading))
      }
    }
    return found
  }

  /// Whether a heading gives a value, as in "Night desk: extension 4417". Other headings answer nothing.
  private static func saysSomething(_ heading: String) -> Bool {
    let isNumbered = heading.first?.isNumber ?? false
    let rest = isNumbered ? heading.drop { !$0.isWhitespace } : heading[...]
    return rest.contains(where: \.isNumber) || rest.dropLast().contains(":") || rest.contains("=")
  }

  /// The byte ranges of the sentences that ingest found. Chunks of an earlier release lack them, so their text is split
  /// here.
  private static func ranges(of item: ContextItem, _ bytes: [UInt8]) -> [Range<Int>] {
    let ends = item.sentenceEnds.ends(limit: bytes.count)
    guard !ends.isEmpty else { return SentenceSplitter.sentences(in: bytes, 0..<bytes.count) }
    var ranges: [Range<Int>] = []
    var start = 0
    for end in ends + [bytes.count] where end > start {
      // Skip an end inside a UTF-8 character: the record is not trusted.
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

  /// The cosine of each sentence with the nearest window of the question.
  private static func scores(_ vectors: [Float], count: Int, _ question: [Float], _ dimension: Int)
    -> [Double]
  {
    (0..<count).map { row in
      stride(from: 0, to: question.count, by: dimension).map { window in
        var dot: Float = 0
        for column in 0..<dimension { dot += vectors[row * dimension + column] * question[window + column] }
        return Double(dot)
      }.max() ?? 0
    }
  }

  /// Positions in `sentences`, best first: sentences with the question's identifiers before the others, then by
  /// probability. Ties have a fixed order.
  var ranking: [Int] {
    sentences.indices.sorted { first, second in
      let (a, b) = (sentences[first], sentences[second])
      if a.hasIdentifiers != b.hasIdentifiers { return a.hasIdentifiers }
      if a.probability != b.probability { return a.probability > b.probability }
      if a.item.document.key.id != b.item.document.key.id {
        return a.item.document.key.id < b.item.document.key.id
      }
      return a.place < b.place
    }
  }
}
