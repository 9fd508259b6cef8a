import Client
import CommandLine
import Encoder
import Evaluation
import LocalState
import Records
import Supervision

/// `millrace eval concurrency`: measures what the pipeline adds to the time of a busy LLM.
enum EvalConcurrency {
  static let command = Command(
    "concurrency",
    abstract: "Compare the time for N simultaneous questions with that of their prompts sent to the LLM.",
    discussion: """
      The LLM must be the one that `up` started. It is restarted before each of the two runs, so that its cache holds
      no prompt. The documents must be indexed. Exit code 1 when the pipeline took more than 1.15 times as long.
      """,
    options: [
      .option("--questions", "FILE", "the questions"),
      .option("--tenant", "NAME", "the tenant of the documents (default: default)"),
      .option("--count", "N", "how many questions are asked at the same time (default 16)"),
    ]
  ) { arguments in
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let tenant = try arguments.tenant()
    guard let path = arguments.value("--questions") else { throw UsageError("--questions is missing") }
    guard let url = settings.llm.url else { throw UsageError("there is no LLM: llm.url is empty") }
    let count = try arguments.integer("--count", in: 1...256) ?? 16
    // Spread over the file: neighbours in a file ask about one page, and its sentences would be embedded only
    // once.
    let all = try Question.read(path, limit: nil)
    let questions = (0..<min(count, all.count)).map { all[$0 * all.count / min(count, all.count)] }
    let encoder = try Encoder(settings)
    let probe = ConcurrencyProbe(settings, try StateDirectory.find(arguments), url: url, encoder: encoder)
    let report = try await probe.measure(questions, tenant: tenant)
    Terminal.print(arguments.flag("--json") ? json(report).text : text(report))
    return report.isGood ? .success : .failure
  }

  private static func json(_ report: ConcurrencyProbe.Report) -> JSONValue {
    .object([
      "questions": .int(report.questionCount), "prompts": .int(report.promptCount),
      "pipeline_s": .double(report.pipelineSeconds), "direct_s": .double(report.directSeconds),
      "ratio": .double(report.ratio), "missing": .int(report.engines["none"] ?? 0),
    ])
  }

  private static func text(_ report: ConcurrencyProbe.Report) -> String {
    let engines = report.engines.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", ")
    func two(_ number: Double) -> String { String(format: "%.2f", number) }
    return "\(report.questionCount) questions at once: \(two(report.pipelineSeconds)) s through the pipeline "
      + "(\(engines)), \(two(report.directSeconds)) s for \(report.promptCount) prompts sent straight; "
      + "ratio \(String(format: "%.3f", report.ratio))"
  }
}
