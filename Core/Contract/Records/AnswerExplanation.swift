/// Explains how the text of an answer was chosen, or why the question was refused. It is meant for operators.
package struct AnswerExplanation: Sendable, Equatable {
  /// What was done with a sentence that the LLM wrote.
  package enum Verdict: String, Sendable, CaseIterable { case kept, replaced, dropped }
  /// Why a question was refused.
  package enum Refusal: String, Sendable, CaseIterable {
    /// No sentence comes with all identifiers of the question and at least one of its names.
    case identifier
    /// No sentence is likely enough to answer the question.
    case probability
    /// The LLM said that the documents contain no answer.
    case llm
  }

  /// A sentence that the LLM wrote.
  package struct Sentence: Sendable, Equatable {
    /// At most `textCharactersMax` characters.
    package var text: String
    package var verdict: Verdict
    /// The `SupportRule` that decided the verdict; nil for a sentence that says the same as its source.
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
  /// The probability that the best sentence answers the question.
  package var probability = 0.0
  /// The probability below which a question is refused: `generate.refusalScore`, or a fixed share of it for a question
  /// with identifiers.
  package var threshold = 0.0
  /// The question's identifiers that no sentence comes with, and its names if no part of the context has one of them.
  /// Empty unless the question was refused.
  package var missing: [String] = []
  /// The features from which the probability was computed, in a fixed order.
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

  /// - Returns: nil when the value is not an object. Fields that can't be read are left out.
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
