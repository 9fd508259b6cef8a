import Cryptography
import Foundation
import Records
import Settings

/// A digest of everything that can change an answer. Queries with the same key may share an answer.
package struct AnswerKey: Sendable, Hashable {
  package let digest: [UInt8]

  /// - Parameters:
  ///   - clusterID: the Kafka cluster to whose offsets the versions in an entry refer; one Redis may serve
  ///     several clusters.
  ///   - rulesVersion: the version of the prompt and of the rules by which sentences are chosen and supported.
  package init(_ query: QueryRecord, settings: Settings, clusterID: String, rulesVersion: Int) {
    // The question's text is normalised to NFC and its white space is folded; nothing else is changed.
    let question = query.text.precomposedStringWithCanonicalMapping.split(whereSeparator: \.isWhitespace)
      .joined(separator: " ")
    let filter: JSONValue =
      if let equalities = query.filter.equalities {
        .object(
          equalities.sorted { $0.key < $1.key }.map { name, values in
            JSONMember(name: name, value: .array(values.map(\.json.text).sorted().map(JSONValue.string)))
          })
      } else {
        .string(query.filter.json.text)
      }
    var engine: [JSONValue] = [
      .int(settings.retrieve.contextTokens), .double(settings.generate.refusalScore),
      .int(settings.generate.sentencesMax), .string(settings.encoder.model), .int(rulesVersion),
    ]
    if let url = settings.llm.url {
      engine += [
        // Without user and password: the embed worker that looks answers up does not have them, and a new
        // password changes no answer.
        .string(SettingsTable.withoutUser(url: url)), .string(settings.llm.model),
        .int(settings.llm.promptTokensMax),
        .int(settings.llm.answerTokensMax),
        settings.llm.temperature.map(JSONValue.double) ?? .null, .bool(settings.llm.hasSystemRole),
        .bool(settings.llm.hasStrictRoles),
      ]
    }
    // Principals are compared by their bytes, as in the index. Otherwise a user could get an answer from
    // documents that only another principal may read.
    let principals: [JSONValue] = Set(query.principals.map(Principal.init)).sorted().map {
      .string($0.rawValue)
    }
    let history: [JSONValue] = query.history.map { .array([.string($0.role.rawValue), .string($0.text)]) }
    let described: JSONValue = .object([
      "format": .int(AnswerEntry.format), "cluster": .string(clusterID),
      "prefix": .string(settings.kafka.topicPrefix), "epoch": .int(settings.ingest.epoch),
      "tenant": .string(query.tenant.rawValue),
      "principals": .array(principals), "filter": filter,
      "mode": .string(query.mode.rawValue),
      "search": .array([
        .string((query.searchMode ?? settings.search.mode).rawValue), .string(settings.search.fusion),
        .double(settings.search.denseWeight), .double(settings.search.identifierDenseWeight),
        .double(settings.search.titleWeight), .double(settings.search.headingWeight),
        .double(settings.search.headerWeight),
      ]), "top_k": .int(query.topK ?? settings.retrieve.topK),
      "history": .array(history), "engine": .array(engine), "question": .string(question),
    ])
    digest = SHA256.digest(described.bytes)
  }

  /// The key in Redis.
  package var redisKey: [UInt8] { Array("millrace:answer:\(SHA256.hex(digest))".utf8) }
}
