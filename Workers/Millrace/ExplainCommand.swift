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
    discussion: """
      Looks for a query with this id first, then for a document. A record without a readable id has the id
      TOPIC-PARTITION-OFFSET. For a query it shows how its hits are ranked with the
      present settings: the cosine, the BM25 score, the rank in each list, and how many chunks have each term. For its
      answer it shows why each sentence of the LLM was kept, replaced or dropped, or why the question was refused.
      """, arguments: "ID",
    options: [.option("--tenant", "NAME", "the tenant of the query or document (default: default)")]
  ) { arguments in
    guard arguments.positionals.count == 1 else { throw UsageError("give one id of a query or a document") }
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let tenant = try arguments.tenant()
    let id = arguments.positionals[0]
    var steps: [RecordTrace.Step] = []
    if let query = QueryID(id) {
      steps = try await RecordTrace.steps(of: QueryKey(tenant: tenant, id: query), settings)
    }
    if steps.isEmpty, let document = DocumentID(id) {
      steps = try await RecordTrace.steps(of: DocumentKey(tenant: tenant, id: document), settings)
    }
    // A record without a readable id has its own place as its id, and no readable tenant.
    if steps.isEmpty, RecordPlace.partition(of: id, in: settings.topic(.queries)) != nil,
      let query = QueryID(id), let nobody = TenantID("-")
    {
      steps = try await RecordTrace.steps(of: QueryKey(tenant: nobody, id: query), settings)
    }
    guard !steps.isEmpty else {
      guard try await DocumentReader(settings: settings).states(ofRecordAt: id).isEmpty else {
        Terminal.complain(
          "millrace: \(id) is a record that could be no version of a document: `millrace documents status \(id)` "
            + "says why")
        return .failure
      }
      Terminal.complain("millrace: no record of a query or document '\(id)' in tenant \(tenant) was found")
      return .failure
    }
    print(steps, RankTable(steps.compactMap(\.candidates), settings), arguments)
    return .success
  }

  private static func print(
    _ steps: [RecordTrace.Step], _ ranks: RankTable?, _ arguments: ParsedArguments
  ) {
    // Timestamps are in milliseconds, so several steps may have the same one: then the order of the flow decides.
    let ordered = steps.enumerated().sorted {
      ($0.element.atMilliseconds, $0.offset) < ($1.element.atMilliseconds, $1.offset)
    }.map(\.element)
    if arguments.flag("--json") {
      let last = ordered.lastIndex { $0.candidates != nil }
      Terminal.print(
        JSONValue.array(
          ordered.enumerated().map { place, step in
            .object(
              [
                JSONMember(name: "at_ms", value: .int(step.atMilliseconds)),
                JSONMember(name: "record", value: .string(step.place)),
                JSONMember(name: "what", value: .string(step.what)),
              ] + (step.explanation.map { [JSONMember(name: "explanation", value: $0.json)] } ?? [])
                + (place == last ? ranks.map { [JSONMember(name: "ranks", value: $0.json)] } ?? [] : []))
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
    for line in ordered.compactMap(\.explanation).flatMap(ExplanationText.lines) { Terminal.print(line) }
    for line in ranks?.lines ?? [] { Terminal.print(line) }
  }
}
