import Foundation
import KafkaClient
import Records
import Settings

/// Follows a query or a document through its own records.
package enum RecordTrace {
  /// One record, and the time at which the broker appended it.
  package struct Step: Sendable {
    package var atMilliseconds: Int64
    package var place: String
    package var what: String
    /// What a shard found, if this is a candidates record.
    package var candidates: CandidatesRecord?
    /// Why the answer says what it says, if this is an answer.
    package var explanation: AnswerExplanation?
  }

  /// The steps of a query, in the order of the flow; empty when none of its records is left.
  ///
  /// - Throws: `KafkaFailure`; `WireError` or `FieldError` for a record that can't be read.
  package static func steps(of key: QueryKey, _ settings: Settings) async throws -> [Step] {
    let reader = RecordReader(settings)
    var steps: [Step] = []
    var queryAt: Int64?
    for name in [TopicName.searches, .candidates, .prompts, .answers] {
      for record in try await reader.records(of: name, key: key.bytes) {
        guard let value = record.value else { continue }
        let (what, flight) = try describe(name, value, at: record.timestampMilliseconds)
        if let flight, queryAt == nil { queryAt = flight.askedAtMilliseconds }
        steps.append(
          Step(
            atMilliseconds: record.timestampMilliseconds, place: record.position.description, what: what,
            candidates: name == .candidates ? try CandidatesRecord(wireBytes: value) : nil,
            explanation: name == .answers ? try AnswerRecord(value: value).explanation : nil))
      }
    }
    if let queryAt {
      steps.insert(
        Step(atMilliseconds: queryAt, place: settings.topic(.queries), what: "the query was appended"), at: 0)
    }
    return steps
  }

  private static func describe(_ name: TopicName, _ value: [UInt8], at milliseconds: Int64) throws -> (
    String, QueryInFlight?
  ) {
    switch name {
    case .searches:
      let search = try SearchRecord(wireBytes: value)
      return ("embedded" + round(search.round) + work(search.flight), search.flight)
    case .candidates:
      let candidates = try CandidatesRecord(wireBytes: value)
      return (
        "searched by shard \(candidates.shard): \(candidates.hits.count) hits in \(value.count) bytes"
          + round(candidates.round) + work(candidates.flight), candidates.flight
      )
    case .prompts:
      let prompt = try PromptRecord(wireBytes: value)
      return (
        "fused into a prompt of \(prompt.context.count) passages" + round(prompt.round) + work(prompt.flight),
        prompt.flight
      )
    default:
      let answer = try AnswerRecord(value: value)
      let engine = answer.engine.isEmpty ? "" : " by \(answer.engine)"
      let cached = answer.cache == .miss ? "" : ", from the cache"
      let void = answer.isVoid(appendedAtMilliseconds: milliseconds) ? "void, appended too late: " : ""
      return (
        "\(void)\(answer.status.rawValue)\(engine)\(cached): "
          + (answer.error.map { "\($0.code): \($0.message)" } ?? answer.timingsText), nil
      )
    }
  }

  private static func round(_ round: UInt32) -> String { round == 0 ? "" : " again" }

  private static func work(_ flight: QueryInFlight) -> String {
    guard let last = flight.timings.last else { return "" }
    return String(
      format: ", %.1f ms of work after %.1f ms of waiting", last.workMilliseconds, last.waitMilliseconds)
  }

  /// The steps of all versions of a document, in the order of the flow.
  ///
  /// - Throws: `KafkaFailure`.
  package static func steps(of key: DocumentKey, _ settings: Settings) async throws -> [Step] {
    let reader = RecordReader(settings)
    var steps: [Step] = []
    for record in try await reader.records(of: .documents, key: key.bytes) {
      let what = record.value.map { "put, \($0.count) bytes" } ?? "deletion"
      steps.append(
        Step(
          atMilliseconds: record.timestampMilliseconds, place: record.position.description,
          what: "version …\(record.position.offset): \(what)"))
    }
    for record in try await reader.records(of: .chunks, key: key.bytes) {
      guard let value = record.value, let batch = try? ChunkBatch(wireBytes: value) else { continue }
      steps.append(
        Step(
          atMilliseconds: record.timestampMilliseconds, place: record.position.description,
          what: "version \(batch.header.document.version): part \(UInt64(batch.header.part) + 1) of "
            + "\(batch.header.partCount), \(batch.chunks.count) chunks cut"))
    }
    let prefix = Array("\(key)@".utf8)
    for record in try await reader.records(
      of: .vectors, partitionKey: key.bytes, where: { $0.starts(with: prefix) })
    {
      guard let value = record.value, let batch = try? VectorBatch(wireBytes: value) else { continue }
      let what: String
      switch batch.content {
      case .vectors(let chunks, _, _):
        what =
          "part \(UInt64(batch.header.part) + 1) of \(batch.header.partCount), \(chunks.count) vectors written"
      case .mark(let mark, _, _): what = "mark \(mark)"
      }
      steps.append(
        Step(
          atMilliseconds: record.timestampMilliseconds, place: record.position.description,
          what: "version \(batch.header.document.version): \(what)"))
    }
    for record in try await reader.records(
      of: .documentStatus, partitionKey: key.bytes, where: { $0.starts(with: prefix) })
    {
      guard let value = record.value, let status = try? StatusRecord(value: value) else { continue }
      let reason = status.error.map { ": \($0.code): \($0.message)" } ?? ""
      steps.append(
        Step(
          atMilliseconds: record.timestampMilliseconds, place: record.position.description,
          what: "version \(status.version.map(\.description) ?? "-"): \(status.state.rawValue)\(reason)"))
    }
    return steps
  }
}
