/// Why an answer says what it says, or why it is a refusal. For operators: it is no part of the answer.
package struct AnswerExplanation: Sendable, Equatable {
  /// What became of a sentence of the LLM's.
  package enum Verdict: String, Sendable, CaseIterable { case kept, replaced, dropped }
  /// Why a question was refused.
  package enum Refusal: String, Sendable, CaseIterable {
    /// No sentence has the question's identifiers, or none is near a sentence that has them.
    case identifier
    /// The best sentence is not likely enough to answer the question.
    case probability
    /// The LLM said that the documents contain no answer.
    case llm
  }

  /// A sentence of the LLM's.
  package struct Sentence: Sendable, Equatable {
    /// At most `textCharactersMax` characters.
    package var text: String
    package var verdict: Verdict
    /// A name of `SupportRule`; nil for a sentence that says the same as its source.
    package var rule: String?
    /// The words that the rule is about.
    package var words: [String]
    /// The citation's number; nil when there is none.
    package var citation: Int?

    package init(_ text: String, _ verdict: Verdict, rule: String?, words: [String], citation: Int?) {
      self.text = String(text.prefix(AnswerExplanation.textCharactersMax))
      self.verdict = verdict
      self.rule = rule
      self.words = words.prefix(AnswerExplanation.wordsMax).map { String($0.prefix(60)) }
      self.citation = citation
    }
  }

  package static let textCharactersMax = 300
  package static let sentencesMax = 32
  package static let wordsMax = 12

  package var refusal: Refusal?
  /// How likely the best sentence answers the question.
  package var probability = 0.0
  /// `generate.refusalScore`.
  package var threshold = 0.0
  /// Identifiers of the question that no sentence of the context has.
  package var missing: [String] = []
  /// What the probability was made from, in a fixed order.
  package var features: [(name: String, value: Double)] = []
  package var sentences: [Sentence] = []

  package init() {}

  package static func == (a: AnswerExplanation, b: AnswerExplanation) -> Bool { a.json == b.json }

  package func count(_ verdict: Verdict) -> Int { sentences.count { $0.verdict == verdict } }

  package var json: JSONValue {
    .object([
      "refused_for": refusal.map { .string($0.rawValue) }, "probability": .double(Self.rounded(probability)),
      "threshold": .double(threshold),
      "missing": missing.isEmpty ? nil : .array(missing.map(JSONValue.string)),
      "features": .object(
        features.map { JSONMember(name: $0.name, value: .double(Self.rounded($0.value))) }),
      "sentences": sentences.isEmpty
        ? nil
        : .array(
          sentences.map { sentence in
            .object([
              "text": .string(sentence.text), "verdict": .string(sentence.verdict.rawValue),
              "rule": sentence.rule.map(JSONValue.string),
              "words": sentence.words.isEmpty ? nil : .array(sentence.words.map(JSONValue.string)),
              "citation": sentence.citation.map(JSONValue.int),
            ])
          }),
    ])
  }

  private static func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }

  /// - Returns: nil for anything that is no object. What can't be read in it is left out.
  init?(json: JSONValue?) {
    guard let json, let members = json["features"]?.members ?? json.members.map({ _ in [] }) else {
      return nil
    }
    refusal = json["refused_for"]?.stringValue.flatMap(Refusal.init)
    probability = json["probability"]?.doubleValue ?? 0
    threshold = json["threshold"]?.doubleValue ?? 0
    missing = json["missing"]?.arrayValue?.compactMap(\.stringValue) ?? []
    features = members.compactMap { member in member.value.doubleValue.map { (member.name, $0) } }
    sentences = (json["sentences"]?.arrayValue ?? []).prefix(Self.sentencesMax).compactMap { sentence in
      guard let verdict = sentence["verdict"]?.stringValue.flatMap(Verdict.init) else { return nil }
      return Sentence(
        sentence["text"]?.stringValue ?? "", verdict, rule: sentence["rule"]?.stringValue,
        words: sentence["words"]?.arrayValue?.compactMap(\.stringValue) ?? [],
        citation: sentence["citation"]?.integerValue.flatMap { Int(exactly: $0) })
    }
  }
}
