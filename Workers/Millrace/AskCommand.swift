import CommandLine
import Foundation
import KafkaClient
import Records
import Settings
import Stage

/// Sends queries and waits for their answers; what `ask`, `search`, `eval` and `demo` share.
struct QueryClient: Sendable {
  let settings: Settings
  private let producer: KafkaProducer
  private let kafka: KafkaConfiguration

  init(settings: Settings) throws {
    self.settings = settings
    kafka = settings.kafkaConfiguration(clientID: "millrace-ask")
    producer = try KafkaProducer(kafka)
  }

  func close() async { await producer.close(deadline: .seconds(5)) }

  /// Fails fast when nobody is there, instead of waiting for a broker that never comes.
  static func check(_ settings: Settings) async throws {
    let admin = KafkaAdmin(settings.kafkaConfiguration(clientID: "millrace-check"))
    let topics: [String: Int32]
    do {
      topics = try await admin.topics(timeout: .seconds(4))
    } catch {
      await admin.close()
      throw Unavailable(
        description:
          "no broker answers at \(settings.kafka.bootstrapServers) (\(error)); start one with `millrace up`")
    }
    await admin.close()
    guard topics[settings.topic(.queries)] != nil else {
      throw Unavailable(
        description: "topic \(settings.topic(.queries)) is missing: run `millrace topics create`")
    }
  }

  /// - Returns: the answer, nil when none came before the deadline and five seconds more.
  func ask(_ query: QueryRecord) async throws -> AnswerRecord? {
    let answers = try await ask([query], concurrency: 1) { _, _ in }
    return answers[0]
  }

  /// Asks several questions, at most `concurrency` at once, in order.
  ///
  /// - Parameter progress: called with the number of answers so far and the newest.
  func ask(
    _ queries: [QueryRecord], concurrency: Int, progress: @Sendable (Int, AnswerRecord) -> Void
  ) async throws -> [AnswerRecord?] {
    let reader = ReplayReader(kafka)
    let topic = settings.topic(.answers)
    let count = settings.partitionCount(.answers)
    let partitions = Set(queries.map { Partitioner.partition(ofKey: $0.key.bytes, partitionCount: count) })
    // The position is fixed before the first query is sent: no answer can come too early.
    try await reader.assign(
      Dictionary(uniqueKeysWithValues: partitions.map { (TopicPartition(topic, $0), .end) }))
    var answers = [AnswerRecord?](repeating: nil, count: queries.count)
    var open: [String: Int] = [:]
    var next = 0
    var done = 0
    var deadline = ContinuousClock.now
    while done < queries.count {
      while next < queries.count, open.count < concurrency {
        let query = queries[next]
        open[query.key.description] = next
        next += 1
        deadline = .now + .milliseconds(query.deadlineMilliseconds) + .seconds(5)
        try await producer.send(
          OutgoingRecord(topic: settings.topic(.queries), key: query.key.bytes, value: query.json.bytes))
      }
      for record in try await reader.next(maxRecords: 500, maxWait: .milliseconds(500)) {
        guard let key = record.key, let index = open[String(decoding: key, as: UTF8.self)],
          let value = record.value
        else { continue }
        let answer = try AnswerRecord(value: value)
        open[answer.key] = nil
        answers[index] = answer
        done += 1
        progress(done, answer)
      }
      if ContinuousClock.now > deadline { break }
    }
    await reader.close()
    return answers
  }
}

enum AskCommand {
  private static let options: [Command.Option] = [
    .option("--tenant", "NAME", "whose documents (default: default)"),
    .option("--principal", "NAME", "who asks, for documents with an ACL; may be repeated", repeating: true),
    .option("--top-k", "N", "how many chunks to retrieve, 1 to 100"),
    .option("--deadline", "MS", "give up after so many milliseconds (default 60000)"),
    .option("--after", "TOKEN", "read your writes: the token of an `indexed` event"),
    .option("--id", "ID", "the query's id (default: a new one)"),
  ]

  static let ask = Command(
    "ask", abstract: "Ask a question and print the answer with its quotes and sources.",
    discussion: "Exit code 3 when nothing in the documents answers the question.", arguments: "\"QUESTION\"",
    options: options
  ) { arguments in try await run(arguments, mode: .answer) }

  static let search = Command(
    "search", abstract: "Retrieve the chunks nearest to a question, without an answer.",
    arguments: "\"QUESTION\"",
    options: options
  ) { arguments in try await run(arguments, mode: .retrieve) }

  private static func run(_ arguments: ParsedArguments, mode: QueryRecord.Mode) async throws -> ExitCode {
    let query = try query(arguments, mode: mode)
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let client = try QueryClient(settings: settings)
    let answer = try await client.ask(query)
    await client.close()
    guard let answer else {
      Terminal.complain(
        "millrace: no answer to \(query.id) within its deadline; it is still worked on if workers run")
      return .timedOut
    }
    Terminal.print(arguments.flag("--json") ? answer.json.text : AnswerText.render(answer, mode: mode))
    return switch answer.status {
    case .answered: .success
    case .refused: .refused
    case .expired, .cancelled, .failed: .rejected
    }
  }

  private static func query(_ arguments: ParsedArguments, mode: QueryRecord.Mode) throws -> QueryRecord {
    guard arguments.positionals.count == 1, let text = arguments.positionals.first else {
      throw UsageError("give one question in quotation marks, got \(arguments.positionals.count) arguments")
    }
    let tenant = arguments.value("--tenant") ?? "default"
    guard let tenant = TenantID(tenant) else { throw UsageError("--tenant: '\(tenant)' \(TenantID.rule)") }
    let idText = arguments.value("--id") ?? UUID().uuidString.lowercased()
    guard let id = QueryID(idText) else { throw UsageError("--id: '\(idText)' \(QueryID.rule)") }
    var query = QueryRecord(id: id, tenant: tenant, text: text, mode: mode)
    query.principals = arguments.allValues("--principal")
    query.topK = try arguments.integer("--top-k", in: 1...Int(QueryRecord.topKMax))
    if let deadline = try arguments.integer("--deadline", in: 1...Int(QueryRecord.deadlineMaxMilliseconds)) {
      query.deadlineMilliseconds = Int64(deadline)
    }
    if let after = arguments.value("--after") {
      guard let token = VectorsToken(after) else {
        throw UsageError("--after: '\(after)' must be a status event's token, partition:offset")
      }
      query.after = token
    }
    return query
  }
}

enum AnswerText {
  static func render(_ answer: AnswerRecord, mode: QueryRecord.Mode) -> String {
    var lines: [String] = []
    switch answer.status {
    case .answered: if mode == .answer { lines.append(answer.text) }
    case .refused: lines.append("refused: \(answer.text)")
    default:
      lines.append("\(answer.status.rawValue)\(answer.error.map { ": \($0.code): \($0.message)" } ?? "")")
    }
    for citation in answer.citations {
      let title = citation.title.isEmpty ? "" : " \u{201C}\(citation.title)\u{201D}"
      let score = String(format: "%.3f", citation.score)
      lines.append(
        "  [\(citation.n)] \(citation.documentID)\(title) bytes \(citation.start)-\(citation.end), version "
          + "\(citation.version), score \(score)")
      let quote = citation.quote.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      lines.append("      \u{201C}\(quote.count > 300 ? String(quote.prefix(299)) + "…" : quote)\u{201D}")
    }
    if answer.status == .answered, answer.citations.isEmpty { lines.append("nothing found") }
    lines.append("  engine \(answer.engine.isEmpty ? "-" : answer.engine), \(timings(answer))")
    if answer.shardsAnswered < answer.shardsTotal {
      lines.append("  from \(answer.shardsAnswered) of \(answer.shardsTotal) shards only")
    }
    if answer.behind.records > 0 { lines.append("  the index is \(answer.behind.records) records behind") }
    return lines.joined(separator: "\n")
  }

  static func timings(_ answer: AnswerRecord) -> String {
    answer.timings.map {
      "\($0.stage) \(String(format: "%.1f", $0.workMilliseconds)) ms (waited \(String(format: "%.1f", $0.waitMilliseconds)))"
    }.joined(separator: ", ")
  }
}
