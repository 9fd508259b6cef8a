import Client
import Encoder
import Failures
import Foundation
import Generation
import HTTPClient
import LocalState
import Records
import Settings
import Time

/// Compares the time for questions that are asked all at the same time with the time for the same prompts sent directly
/// to the LLM.
package struct ConcurrencyProbe: Sendable {
  /// The times of both runs.
  package struct Report: Sendable {
    package var questionCount: Int
    package var promptCount: Int
    package var pipelineSeconds: Double
    package var directSeconds: Double
    /// The number of answers by engine; `none` counts the missing answers.
    package var engines: [String: Int]

    package var ratio: Double { pipelineSeconds / directSeconds }
    /// True when the pipeline took at most 1.15 times as long as the LLM alone.
    package var isGood: Bool { ratio <= 1.15 }
  }

  private let settings: Settings
  private let state: StateDirectory
  private let url: String
  private let encoder: Encoder

  /// - Parameters:
  ///   - state: the folder of the `up` whose LLM is restarted, so that no prompt is in its cache.
  ///   - url: the address of that LLM, ending with /v1.
  package init(_ settings: Settings, _ state: StateDirectory, url: String, encoder: Encoder) {
    self.settings = settings
    self.state = state
    self.url = url
    self.encoder = encoder
  }

  /// - Throws: `Unavailable` when no LLM of `up` runs, or it does not answer after its restart;
  ///   `KafkaFailure`; the errors of `ChatClient`.
  package func measure(_ questions: [Question], tenant: TenantID) async throws -> Report {
    let queries = questions.map { question -> QueryRecord in
      var query = QueryRecord(id: QueryID(unique: "busy"), tenant: tenant, text: question.text)
      query.cache = .bypass
      query.deadlineMilliseconds = QueryRecord.deadlineMaxMilliseconds
      return query
    }
    try await restartLLM()
    let client = try QueryClient(settings: settings)
    // Open the connections before the clock starts.
    if var warm = queries.first {
      warm.id = QueryID(unique: "warm")
      warm.mode = .retrieve
      _ = try await client.ask(warm)
    }
    let watch = Stopwatch()
    let answers = try await client.ask(queries, concurrency: queries.count) { _, _ in }
    let pipelineSeconds = watch.seconds
    await client.close()
    // Keep only the queries that reached the LLM; the others were refused earlier.
    let asked = zip(queries, answers).filter { $1?.usage.completionTokens ?? 0 > 0 }.map { $0.0 }
    let prompts = try await prompts(asked)
    try await restartLLM()
    return Report(
      questionCount: queries.count, promptCount: prompts.count, pipelineSeconds: pipelineSeconds,
      directSeconds: try await direct(prompts),
      engines: Dictionary(answers.map { ($0?.engine ?? "none", 1) }, uniquingKeysWith: +))
  }

  /// Kills the LLM that `up` supervises, and waits until the restarted one answers.
  private func restartLLM() async throws {
    guard let llm = state.read()?.processes.first(where: { $0.role == "llm" }), llm.identity.isAlive else {
      throw Unavailable("no LLM that `up` started is running here")
    }
    kill(llm.pid, SIGKILL)
    try await Task.sleep(for: .milliseconds(500))
    let health = url.replacing("/v1", with: "/health")
    for _ in 0..<200 {
      let answer = try? await HTTPClient().response(HTTPRequest(url: health, timeout: .seconds(1)))
      if answer?.status == 200 { return }
      try await Task.sleep(for: .milliseconds(100))
    }
    throw Unavailable("the LLM was killed to empty its cache, and was not ready again 20 s later")
  }

  private func prompts(_ queries: [QueryRecord]) async throws -> [[ChatMessage]] {
    let answerer = Answerer(
      encoder: encoder, chat: nil, limit: CallLimit(1000), refusalScore: settings.generate.refusalScore,
      sentencesMax: settings.generate.sentencesMax,
      promptTokensMax: settings.llm.promptTokensMax)
    var prompts: [[ChatMessage]] = []
    for query in queries {
      let records = try await RecordReader(settings).records(of: .prompts, key: query.key.bytes)
      guard let value = records.last?.value else { continue }
      prompts.append(await answerer.messages(for: try PromptRecord(wireBytes: value)))
    }
    return prompts
  }

  private func direct(_ prompts: [[ChatMessage]]) async throws -> Double {
    var options = try ChatClient.Options(settings.llm, url: url)
    options.timeout = .seconds(600)
    let chat = ChatClient(HTTPClient(), options)
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
