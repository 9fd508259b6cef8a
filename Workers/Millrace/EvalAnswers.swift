import Evaluation
import Client
import CommandLine
import Foundation
import LocalState
import Records
import Stage
import Time

/// `millrace eval answers`: how good the answers are, by SQuAD's own rules.
enum EvalAnswers {
  static let command = Command(
    "answers", abstract: "Exact match, F1, citations and refusals of questions whose answers are known.",
    discussion: """
      DOCUMENTS has a record per line ({id, text, …}), QUESTIONS too ({id, question, answers, answerable}). Exact match
      and F1 are SQuAD's: small letters, no punctuation, no articles, the best of the given answers. A citation is
      right when its quote stands in its document at its offsets. Caches are passed by.
      """,
    options: [
      .option("--documents", "FILE", "the documents; put first, under --tenant, unless --no-put"),
      .option("--questions", "FILE", "the questions"), .option("--tenant", "NAME", "tenant (default: eval)"),
      .option("--limit", "N", "N questions, spread over the file"),
      .flag("--no-put", "the documents are there"),
      .option("--concurrency", "N", "questions at once (default 16)"),
    ], action: run)

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let tenant = try arguments.tenant(default: "eval")
    guard let questionsPath = arguments.value("--questions"),
      let documentsPath = arguments.value("--documents")
    else { throw UsageError("--documents and --questions are needed") }
    let documents = try DocumentFiles.lines(path: documentsPath, tenant)
    if !arguments.flag("--no-put") {
      try await DocumentClient.putAll(documents, settings, progress: DocumentProgress.bar(documents.count))
    }
    let questions = try KnownQuestion.read(
      questionsPath, limit: arguments.integer("--limit", in: 1...1_000_000))
    let queries = questions.map { question -> QueryRecord in
      var query = QueryRecord(id: QueryID(unique: "eval"), tenant: tenant, text: question.text)
      query.deadlineMilliseconds = QueryRecord.deadlineMaxMilliseconds
      query.cache = .bypass
      return query
    }
    let client = try QueryClient(settings: settings)
    let watch = Stopwatch()
    let answers = try await client.ask(
      queries, concurrency: arguments.integer("--concurrency", in: 1...1000) ?? 16
    ) { done, _ in if done % 20 == 0 { Terminal.bar(done, of: queries.count, "asked") } }
    await client.close()
    if Terminal.isInteractive { Terminal.complain("") }
    let report = AnswersReport(questions, answers, documents, seconds: watch.seconds)
    Terminal.print(arguments.flag("--json") ? report.json.text : report.text)
    return report.isGood ? .success : .failure
  }
}
