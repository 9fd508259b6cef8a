import Cryptography
import Foundation
import Records
import Settings

/// Everything that changes an answer, as one digest. Two queries with the same key may have the same answer.
package struct AnswerKey: Sendable, Hashable {
  package let digest: [UInt8]

  /// - Parameters:
  ///   - clusterID: which topics the versions in an entry count in: a Redis may serve several clusters.
  ///   - promptVersion: of the prompt that the LLM gets.
  package init(_ query: QueryRecord, settings: Settings, clusterID: String, promptVersion: Int) {
    // The question: NFC, white space folded, nothing else.
    let question = query.text.precomposedStringWithCanonicalMapping.split(whereSeparator: \.isWhitespace)
      .joined(separator: " ")
    let filter = query.filter.sorted { $0.key < $1.key }.map { name, values in
      JSONMember(name: name, value: .array(values.map(\.json.text).sorted().map(JSONValue.string)))
    }
    var engine: [JSONValue] = [
      .int(settings.retrieve.contextTokens), .double(settings.generate.refusalScore),
      .int(settings.generate.sentencesMax), .string(settings.encoder.model),
    ]
    if let url = settings.llm.url {
      engine += [
        // Without its user: the lane that looks an answer up is not told the password, and a new one changes no answer.
        .string(SettingsTable.withoutUser(url: url)), .string(settings.llm.model), .int(promptVersion),
        .int(settings.llm.promptTokensMax),
        .int(settings.llm.answerTokensMax), .double(settings.generate.supportScore),
      ]
    }
    // By bytes, as the index tells them apart: who may read less must not get the answer of who may read more.
    let principals: [JSONValue] = Set(query.principals.map(Principal.init)).sorted().map {
      .string($0.rawValue)
    }
    let history: [JSONValue] = query.history.map { .array([.string($0.role.rawValue), .string($0.text)]) }
    let described: JSONValue = .object([
      "format": .int(AnswerEntry.format), "cluster": .string(clusterID),
      "prefix": .string(settings.kafka.topicPrefix), "epoch": .int(settings.ingest.epoch),
      "tenant": .string(query.tenant.rawValue),
      "principals": .array(principals), "filter": .object(filter),
      "mode": .string(query.mode.rawValue), "top_k": .int(query.topK ?? settings.retrieve.topK),
      "history": .array(history), "engine": .array(engine), "question": .string(question),
    ])
    digest = SHA256.digest(described.bytes)
  }

  /// The key in Redis.
  package var redisKey: [UInt8] { Array("millrace:answer:\(SHA256.hex(digest))".utf8) }
}
