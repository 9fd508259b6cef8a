import Encoder
import Evaluation
import Supervision
import Client
import CommandLine
import Foundation
import KafkaClient
import LocalState
import Records
import Stage
import Time

enum EvalCommand {
  static let command = Command(
    "eval", abstract: "Measure a running pipeline.",
    subcommands: [
      Command(
        "retrieval",
        abstract:
          "Measure nDCG, MRR and recall on questions whose documents are known, for each search mode.",
        discussion: """
          --documents has one record per line ({id, text, …}), and so has --questions ({id, question,
          relevant_doc_ids}). Questions without relevant documents are skipped. With --verify, every answer of
          the mode dense is compared with a brute-force scan of the vectors in rag.vectors: scores may differ
          by at most 1e-5, and chunks whose scores are that close may be in any order. For the mode hybrid, nDCG@10
          is also printed for each share of the cosine in the fused score: one half of the questions serves to
          choose a share, the other half to judge it.
          """,
        options: [
          .option("--documents", "FILE", "documents to put into the tenant before the questions are asked"),
          .option("--questions", "FILE", "the questions"),
          .option("--tenant", "NAME", "the tenant of the documents (default: eval)"),
          .option("--limit", "N", "ask only the first N questions"),
          .option("--search-mode", "MODE", "measure only hybrid, dense or lexical (default: all three)"),
          .flag("--verify", "compare the mode dense with a brute-force scan"),
        ], action: retrieval),
      Command(
        "latency",
        abstract: "Measure the time between stages on an idle system, and one bare hop through the broker.",
        options: [
          .option("--count", "N", "the number of measured queries (default 200)"),
          .option("--warm-up", "N", "queries before the measured ones (default 10)"),
          .option("--tenant", "NAME", "the tenant of the documents (default: default)"),
          .option("--question", "TEXT", "the question to ask each time"),
          .flag("--cached", "measure answers from the cache instead of mode retrieve"),
        ], action: latency),
      EvalAnswers.command, EvalConcurrency.command,
    ])

  private static func retrieval(_ arguments: ParsedArguments) async throws -> ExitCode {
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let tenant = try arguments.tenant(default: "eval")
    guard let path = arguments.value("--questions") else { throw UsageError("--questions is missing") }
    if let documents = arguments.value("--documents") {
      let documents = try DocumentFiles.lines(path: documents, tenant)
      try await DocumentClient.putAll(documents, settings, progress: DocumentProgress.bar(documents.count))
      DocumentProgress.end(documents.count)
    }
    let questions = try Question.read(path, limit: arguments.integer("--limit", in: 1...1_000_000))
    let client = try QueryClient(settings: settings)
    let modes = try modes(arguments)
    var runs: [RetrievalReport.Run] = []
    var dense: [QueryRecord] = []
    var candidates: SearchedCandidates?
    for mode in modes {
      let queries = questions.map { question -> QueryRecord in
        var query = QueryRecord(
          id: QueryID(unique: "eval"), tenant: tenant, text: question.text, mode: .retrieve)
        query.topK = 10
        query.searchMode = mode
        query.deadlineMilliseconds = QueryRecord.deadlineMaxMilliseconds
        return query
      }
      let (watch, start) = (Stopwatch(), WallClock.milliseconds)
      let answers = try await client.ask(queries, concurrency: 32) { done, _ in
        if done % 100 == 0 { Terminal.bar(done, of: queries.count, "asked \(mode.rawValue)") }
      }
      runs.append(RetrievalReport.Run(mode: mode, answers: answers, seconds: watch.seconds))
      if mode == .dense { dense = queries }
      if mode == .hybrid {
        // Begin earlier, because the broker's clock may be behind.
        candidates = try await SearchedCandidates.read(queries, sinceMilliseconds: start - 60_000, settings)
      }
    }
    await client.close()
    if Terminal.isInteractive { Terminal.complain("") }
    var report = RetrievalReport(questions: questions, runs: runs)
    report.fusion = candidates.map { FusionReport(questions, $0, depth: settings.search.depth) }
    if arguments.flag("--verify"), let run = runs.first(where: { $0.mode == .dense }) {
      let encoder = try Encoder(settings)
      report.mismatches = try await BruteForce.mismatches(
        dense, run.answers, tenant: tenant, encoder: encoder, settings: settings)
    }
    Terminal.print(arguments.flag("--json") ? report.json.text : report.text)
    return report.isGood ? .success : .failure
  }

  private static func modes(_ arguments: ParsedArguments) throws -> [QueryRecord.SearchMode] {
    guard let text = arguments.value("--search-mode") else { return QueryRecord.SearchMode.allCases }
    guard let mode = QueryRecord.SearchMode(rawValue: text), mode == .dense || !arguments.flag("--verify")
    else {
      throw UsageError("--search-mode: '\(text)' must be hybrid, dense or lexical, and dense with --verify")
    }
    return [mode]
  }

  private static func latency(_ arguments: ParsedArguments) async throws -> ExitCode {
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let tenant = try arguments.tenant()
    let probe = LatencyProbe(
      settings, tenant: tenant, question: arguments.value("--question") ?? "How long are backups kept?",
      isCached: arguments.flag("--cached"))
    let report = try await probe.measure(
      count: arguments.integer("--count", in: 10...100_000) ?? 200,
      warmUp: arguments.integer("--warm-up", in: 0...100_000) ?? 10)
    if let warning = report.warning {
      Terminal.complain("warning: the topic millrace-hop-… was not deleted: \(warning)")
    }
    Terminal.print(arguments.flag("--json") ? report.json.text : report.text)
    return .success
  }
}
