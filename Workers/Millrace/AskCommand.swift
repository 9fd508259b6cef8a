import Caching
import Client
import CommandLine
import Foundation
import KafkaClient
import LocalState
import Records
import RedisClient
import Settings
import Stage

enum AskCommand {
  private static let options: [Command.Option] = [
    .option("--tenant", "NAME", "the tenant whose documents are searched (default: default)"),
    .option(
      "--principal", "NAME", "a principal of the person who asks, for documents with an ACL; may be repeated",
      repeating: true),
    .metadataFilter,
    .option(
      "--search-mode", "MODE",
      "how to search: hybrid (vectors and words), dense (vectors) or lexical (words) (default: search.mode)"),
    .option("--top-k", "N", "how many chunks to retrieve, 1 to 100"),
    .option("--deadline", "MS", "give up after this many milliseconds (default 60000)"),
    .option(
      "--after", "TOKEN",
      "wait until the index has reached this token of an `indexed` event, at most search.wait"),
    .option("--id", "ID", "the query's id (default: a new one)"),
    .option(
      "--cache", "POLICY", "default, bypass (don't use the cache) or refresh (store a new answer in it)"),
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
    let stream = SentenceStream(query, topicPrefix: settings.kafka.topicPrefix)
    let subscription = await SentencePrinter.subscribe(stream, settings)
    async let printed = SentencePrinter.print(subscription, stream)
    defer { subscription?.stop() }
    let answer = try await client.ask(query)
    subscription?.stop()
    let streamed = await printed
    await client.close()
    guard let answer else {
      Terminal.complain(
        "millrace: no answer to \(query.id) within its deadline; running workers may still answer it")
      return .timedOut
    }
    Terminal.print(
      arguments.flag("--json")
        ? answer.json.text : AnswerText.render(answer, mode: mode, streamed: streamed))
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
    let tenant = try arguments.tenant()
    let idText = arguments.value("--id") ?? UUID().uuidString.lowercased()
    guard let id = QueryID(idText) else { throw UsageError("--id: '\(idText)' \(QueryID.rule)") }
    var query = QueryRecord(id: id, tenant: tenant, text: text, mode: mode)
    if let policy = arguments.value("--cache") {
      guard let policy = QueryRecord.CachePolicy(rawValue: policy) else {
        throw UsageError("--cache: '\(policy)' must be default, bypass or refresh")
      }
      query.cache = policy
    }
    query.stream = mode == .answer && !arguments.flag("--json")
    // Two UUIDs, each with 122 random bits from the system's generator.
    if query.stream { query.streamToken = "\(UUID().uuidString)-\(UUID().uuidString)" }
    query.principals = arguments.allValues("--principal")
    // An unset variable of a shell.
    guard !query.principals.contains("") else {
      throw UsageError("--principal: '' must be the name of a principal")
    }
    if let mode = arguments.value("--search-mode") {
      guard let mode = QueryRecord.SearchMode(rawValue: mode) else {
        throw UsageError("--search-mode: '\(mode)' must be hybrid, dense or lexical")
      }
      query.searchMode = mode
    }
    if let filter = try arguments.metadataFilter() { query.filter = filter }
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

/// Prints supported sentences as they arrive. Without Redis, or when Redis does not answer within 500 ms,
/// nothing is streamed and the answer is printed when it is complete.
private enum SentencePrinter {
  static func subscribe(_ stream: SentenceStream?, _ settings: Settings) async -> RedisSubscription? {
    do {
      guard let stream, let address = try RedisAddress.named(in: settings) else { return nil }
      return try await RedisSubscription(address, channel: stream.channel, deadline: .milliseconds(500))
    } catch {
      return nil
    }
  }

  /// - Returns: the printed text, after the subscription has ended.
  static func print(_ subscription: RedisSubscription?, _ stream: SentenceStream?) async -> String {
    guard let subscription, let stream else { return "" }
    var sentences: [String] = []
    for await message in subscription.messages {
      guard let text = stream.open(message) else { continue }
      let sentence = Terminal.harmless(text)
      FileHandle.standardOutput.write(Data(((sentences.isEmpty ? "" : " ") + sentence).utf8))
      sentences.append(sentence)
    }
    if !sentences.isEmpty { Terminal.print("") }
    return sentences.joined(separator: " ")
  }
}
