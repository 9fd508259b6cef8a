import CommandLine
import Encoder
import Foundation
import Generation
import HTTPClient
import KafkaClient
import LocalState
import Records
import Settings
import Stage
import Time

/// `millrace eval concurrency`: what the pipeline costs a busy LLM.
enum EvalConcurrency {
  static let command = Command(
    "concurrency",
    abstract: "The time of N questions at once, beside the same prompts sent straight to the LLM.",
    discussion: """
      Needs the LLM that `up` started: it is started anew before each of the two, so that no prompt is in its cache.
      The documents must be there. Exit code 1 when the pipeline took more than 1.15 times as long.
      """,
    options: [
      .option("--questions", "FILE", "the questions"),
      .option("--tenant", "NAME", "tenant (default: default)"),
      .option("--count", "N", "how many at once (default 16)"),
    ]
  ) { arguments in
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let tenant = try arguments.tenant()
    guard let path = arguments.value("--questions") else { throw UsageError("--questions is missing") }
    guard let url = settings.llm.url else { throw UsageError("there is no LLM: llm.url is empty") }
    let count = try arguments.integer("--count", in: 1...256) ?? 16
    // Spread over the file: neighbours in a file ask about one page, whose sentences would be embedded once for all.
    let all = try Question.read(path, limit: nil)
    let questions = (0..<min(count, all.count)).map { all[$0 * all.count / min(count, all.count)] }
    let queries = questions.compactMap { question -> QueryRecord? in
      guard let id = QueryID("busy-\(UUID().uuidString.lowercased())") else { return nil }
      var query = QueryRecord(id: id, tenant: tenant, text: question.text)
      query.cache = .bypass
      query.deadlineMilliseconds = QueryRecord.deadlineMaxMilliseconds
      return query
    }
    try await restart(arguments, url)
    let client = try QueryClient(settings: settings)
    // Connections and topics are known before the clock runs, as they are to the direct requests.
    if let first = queries.first, let id = QueryID("warm-\(UUID().uuidString.lowercased())") {
      var warm = first
      warm.id = id
      warm.mode = .retrieve
      _ = try await client.ask(warm)
    }
    let watch = Stopwatch()
    let answers = try await client.ask(queries, concurrency: count) { _, _ in }
    let pipeline = watch.seconds
    await client.close()
    // Those for which the LLM was asked: the others were refused before.
    let asked = zip(queries, answers).filter { $1?.usage.completionTokens ?? 0 > 0 }.map { $0.0 }
    let prompts = try await prompts(asked, settings)
    try await restart(arguments, url)
    let direct = try await direct(prompts, settings, url)
    let engines = Dictionary(answers.map { ($0?.engine ?? "none", 1) }, uniquingKeysWith: +)
    let ratio = pipeline / direct
    if arguments.flag("--json") {
      Terminal.print(
        JSONValue.object([
          "questions": .int(queries.count), "prompts": .int(prompts.count), "pipeline_s": .double(pipeline),
          "direct_s": .double(direct), "ratio": .double(ratio),
          "missing": .int(answers.count { $0 == nil }),
        ]).text)
    } else {
      Terminal.print(
        "\(queries.count) questions at once: \(String(format: "%.2f", pipeline)) s through the pipeline "
          + "(\(engines.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", "))), "
          + "\(String(format: "%.2f", direct)) s for \(prompts.count) prompts sent straight; "
          + "ratio \(String(format: "%.3f", ratio))")
    }
    return ratio <= 1.15 ? .success : .failure
  }

  /// Ends the LLM that `up` supervises, and waits until it is there again.
  private static func restart(_ arguments: ParsedArguments, _ url: String) async throws {
    let record = try StateDirectory.find(arguments).read()
    guard let llm = record?.processes.first(where: { $0.role == "llm" }), llm.identity.isAlive else {
      throw Unavailable(description: "no LLM of `up` is running here")
    }
    kill(llm.pid, SIGKILL)
    try await Task.sleep(for: .milliseconds(500))
    let health = url.replacing("/v1", with: "/health")
    for _ in 0..<200 {
      let answer = try? await HTTPClient().response(HTTPRequest(url: health, timeout: .seconds(1)))
      if answer?.status == 200 { return }
      try await Task.sleep(for: .milliseconds(100))
    }
    throw Unavailable(description: "the LLM did not come back within 20 s")
  }

  private static func prompts(_ queries: [QueryRecord], _ settings: Settings) async throws -> [[ChatMessage]]
  {
    let encoder = try Encoder(directory: ModelPath.find(settings), modelID: settings.encoder.model)
    let answerer = Answerer(
      encoder: encoder, chat: nil, refusalScore: settings.generate.refusalScore,
      sentencesMax: settings.generate.sentencesMax, supportScore: settings.generate.supportScore,
      promptTokensMax: settings.llm.promptTokensMax)
    var prompts: [[ChatMessage]] = []
    for query in queries {
      let records = try await RecordReader(settings).records(of: .prompts, key: query.key.bytes)
      guard let value = records.last?.value else { continue }
      prompts.append(await answerer.messages(for: try PromptRecord(wireBytes: value)))
    }
    return prompts
  }

  private static func direct(_ prompts: [[ChatMessage]], _ settings: Settings, _ url: String) async throws
    -> Double
  {
    let chat = ChatClient(
      HTTPClient(),
      ChatClient.Options(
        url: url, model: settings.llm.model, apiKey: try settings.llm.apiKey.read(),
        answerTokensMax: settings.llm.answerTokensMax, timeout: .seconds(600)))
    let watch = Stopwatch()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for messages in prompts {
        group.addTask { _ = try await chat.answer(messages, deadline: .now + .seconds(600)) { _ in } }
      }
      try await group.waitForAll()
    }
    return watch.seconds
  }
}
