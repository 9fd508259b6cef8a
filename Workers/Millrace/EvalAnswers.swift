import Evaluation
import Client
import CommandLine
import Foundation
import LocalState
import Records
import Stage
import Time

/// `millrace eval answers`: measures the quality of answers by SQuAD's rules.
enum EvalAnswers {
  static let command = Command(
    "answers", abstract: "Measure exact match, F1, citations and refusals on questions with known answers.",
    discussion: """
      --documents has one record per line ({id, text, …}), and so has --questions ({id, question, answers,
      answerable}). Exact match and F1 follow SQuAD: lower case, without punctuation and articles, compared with the
      known answer that fits best. A citation is correct when its quote is in its document at its offsets. The caches
      of answers are bypassed.
      """,
    options: [
      .option(
        "--documents", "FILE", "the documents, which are put into the tenant before the questions are asked"),
      .option("--questions", "FILE", "the questions"),
      .option("--tenant", "NAME", "the tenant of the documents (default: eval)"),
      .option("--limit", "N", "ask only N questions, spread evenly over the file"),
      .flag("--no-put", "do not put the documents: they are already indexed"),
      .option("--concurrency", "N", "how many questions are asked at the same time (default 16)"),
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
      DocumentProgress.end(documents.count)
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
