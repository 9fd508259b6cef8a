import Encoder
import Evaluation
import Foundation
import Generation
import KafkaClient
import Records
import Settings
import Stage
import Synchronization
import TestSupport

/// `millrace-bench answer-features BOOTSTRAP QUESTIONS`: prints the data that the refusal weights are fitted on. It
/// reads the prompts that a running pipeline has made from the questions, and prints a JSON line for each of their
/// sentences: the question, the sentence's document, the features, and whether the sentence contains a known answer.
enum AnswerFeatures {
  static func run(_ words: [String]) async throws {
    guard words.count == 2 else {
      print("usage: millrace-bench answer-features BOOTSTRAP QUESTIONS")
      exit(2)
    }
    let settings = try Settings(
      SettingsTable(
        environment: ProcessInfo.processInfo.environment, flags: ["--kafka-bootstrap-servers": words[0]]))
    let questions = Dictionary(
      try KnownQuestion.read(words[1], limit: nil).map { ($0.text, $0) },
      uniquingKeysWith: { first, _ in first })
    let encoder = try Encoder(
      directory: Checkout.model, modelID: "bench",
      precision: EncoderPrecision(rawValue: settings.encoder.precision) ?? .auto,
      threads: settings.encoder.threads)
    let answerer = Answerer(
      encoder: encoder, chat: nil, limit: CallLimit(1), refusalScore: 0, sentencesMax: 1,
      promptTokensMax: settings.llm.promptTokensMax)
    var seen: Set<String> = []
    for prompt in try await prompts(settings) {
      let text = prompt.flight.query.text
      guard let question = questions[text], seen.insert(text).inserted else { continue }
      for sentence in await answerer.judged(prompt) {
        let isRight = question.answers.contains {
          !$0.isEmpty && sentence.text.localizedCaseInsensitiveContains($0)
        }
        let line: JSONValue = .object([
          "question": .string(text), "answerable": .bool(question.isAnswerable),
          "document": .string(sentence.documentID.rawValue), "right": .bool(isRight),
          "identifiers": .bool(sentence.hasIdentifiers), "text": .string(sentence.text),
          "features": .array(sentence.features.map { .double($0) }),
        ])
        print(line.text)
      }
    }
  }

  private static func prompts(_ settings: Settings) async throws -> [PromptRecord] {
    let found = Mutex<[PromptRecord]>([])
    try await withReader(settings.kafkaConfiguration(clientID: "millrace-bench")) { reader in
      try await reader.assign(
        Dictionary(
          uniqueKeysWithValues: (0..<settings.partitionCount(.prompts)).map {
            (TopicPartition(settings.topic(.prompts), $0), .beginning)
          }))
      try await reader.readToEnd(limit: .seconds(120)) { records in
        found.withLock { found in
          found += records.compactMap { $0.value.flatMap { try? PromptRecord(wireBytes: $0) } }
        }
      }
    }
    return found.withLock { $0 }
  }
}
