import Client
import CommandLine
import Foundation
import KafkaClient
import LocalState
import Records
import Settings
import Stage

/// `millrace explain ID`: shows where the time of one query or document went, from its own records.
enum ExplainCommand {
  static let command = Command(
    "explain", abstract: "Show where the time of one query or document went, from its own records.",
    discussion: "Looks for a query with this id first, then for a document.", arguments: "ID",
    options: [.option("--tenant", "NAME", "the tenant of the query or document (default: default)")]
  ) { arguments in
    guard arguments.positionals.count == 1 else { throw UsageError("give one id of a query or a document") }
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let tenant = try arguments.tenant()
    let id = arguments.positionals[0]
    var steps: [Step] = []
    if let query = QueryID(id) { steps = try await ofQuery(QueryKey(tenant: tenant, id: query), settings) }
    if steps.isEmpty, let document = DocumentID(id) {
      steps = try await ofDocument(DocumentKey(tenant: tenant, id: document), settings)
    }
    guard !steps.isEmpty else {
      Terminal.complain("millrace: no record of a query or document '\(id)' in tenant \(tenant) was found")
      return .failure
    }
    print(steps, arguments)
    return .success
  }

  /// One record, and the time at which the broker appended it.
  struct Step: Sendable {
    var atMilliseconds: Int64
    var place: String
    var what: String
  }

  private static func print(_ steps: [Step], _ arguments: ParsedArguments) {
    // Timestamps have milliseconds, so ties occur: the order of the flow decides.
    let ordered = steps.enumerated().sorted {
      ($0.element.atMilliseconds, $0.offset) < ($1.element.atMilliseconds, $1.offset)
    }.map(\.element)
    if arguments.flag("--json") {
      Terminal.print(
        JSONValue.array(
          ordered.map {
            .object([
              "at_ms": .int($0.atMilliseconds), "record": .string($0.place), "what": .string($0.what),
            ])
          }
        ).text)
      return
    }
    var last = ordered[0].atMilliseconds
    let start = Date(timeIntervalSince1970: Double(last) / 1000)
    Terminal.print("since \(start.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))")
    for step in ordered {
      let total = step.atMilliseconds - ordered[0].atMilliseconds
      Terminal.print(
        String(format: "%8d ms  %+7d  ", total, step.atMilliseconds - last) + "\(step.what)  (\(step.place))")
      last = step.atMilliseconds
    }
  }

  private static func ofQuery(_ key: QueryKey, _ settings: Settings) async throws -> [Step] {
    let reader = RecordReader(settings)
    var steps: [Step] = []
    var queryAt: Int64?
    for name in [TopicName.searches, .candidates, .prompts, .answers] {
      for record in try await reader.records(of: name, key: key.bytes) {
        guard let value = record.value else { continue }
        let (what, flight) = try describe(name, value)
        if let flight, queryAt == nil {
          queryAt = flight.deadlineAtMilliseconds - flight.query.deadlineMilliseconds
        }
        steps.append(
          Step(atMilliseconds: record.timestampMilliseconds, place: record.position.description, what: what))
      }
    }
    if let queryAt {
      steps.insert(
        Step(atMilliseconds: queryAt, place: settings.topic(.queries), what: "the query was appended"), at: 0)
    }
    return steps
  }

  private static func describe(_ name: TopicName, _ value: [UInt8]) throws -> (String, QueryInFlight?) {
    switch name {
    case .searches:
      let search = try SearchRecord(wireBytes: value)
      return ("embedded" + round(search.round) + work(search.flight), search.flight)
    case .candidates:
      let candidates = try CandidatesRecord(wireBytes: value)
      return ("searched by a shard" + round(candidates.round) + work(candidates.flight), candidates.flight)
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
      return (
        "\(answer.status.rawValue)\(engine)\(cached): \(AnswerText.timings(answer))", nil
      )
    }
  }

  private static func round(_ round: UInt32) -> String { round == 0 ? "" : " again (a document changed)" }

  private static func work(_ flight: QueryInFlight) -> String {
    guard let last = flight.timings.last else { return "" }
    return String(
      format: ", %.1f ms of work after %.1f ms of waiting", last.workMilliseconds, last.waitMilliseconds)
  }

  private static func ofDocument(_ key: DocumentKey, _ settings: Settings) async throws -> [Step] {
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
          what: "version \(batch.header.document.version): part \(batch.header.part + 1) of "
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
        what = "part \(batch.header.part + 1) of \(batch.header.partCount), \(chunks.count) vectors written"
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
