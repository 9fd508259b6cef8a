import Evaluation
import Client
import CommandLine
import Failures
import Foundation
import LocalState
import Records
import Settings
import Stage
import Time

/// `millrace ledger`: proves from the topics that nothing accepted was lost.
enum LedgerCommand {
  static let command = Command(
    "ledger",
    abstract: "Account for every accepted document version and query, from topics and groups alone.",
    discussion: """
      Every accepted record must be finished or in flight; otherwise it is lost. The ledger reads rag.documents and
      its states, rag.queries and rag.answers, and the uncommitted records of the topics between them. Exit code 1
      when a record is lost or has two different terminal states, or when an index differs or can't be compared. The
      pipeline may run meanwhile: records that it is working on count as in flight. Records that do not fit in memory
      at once are read in further passes over the topics.
      """,
    options: [
      .flag(
        "--index",
        "also compare what each search shard of `up` shows with an independent reading of rag.vectors"),
      .option(
        "--index-urls", "URLS",
        "like --index, for search workers elsewhere: addresses (http://HOST:PORT), separated by commas"),
      .option(
        "--since", "AGE",
        "only the last 90m, 24h, 7d … (default: all queries, and documents whose states are still kept)"),
      .option(
        "--memory-records", "N",
        "hold at most N document versions and N queries in memory, 1 to \(Ledger.queriesMaxDefault), "
          + "and read in more passes (default: \(Ledger.documentsMaxDefault / 1_000_000) million versions "
          + "at 1 byte, \(Ledger.queriesMaxDefault / 1_000_000) million queries at about 100 bytes)"),
    ]
  ) { arguments in
    let settings = try Configuration.settings(arguments)
    let since = try arguments.value("--since").map(LedgerSpan.init)
    var ledger = Ledger(settings: settings)
    if let count = try arguments.integer("--memory-records", in: 1...Int(Ledger.queriesMaxDefault)) {
      ledger.documentsMax = Int64(count)
      ledger.queriesMax = Int64(count)
    }
    try await QueryClient.check(settings)
    let documents = try await ledger.documents(since: since)
    let queries = try await ledger.queries(since: since)
    var index: IndexComparison?
    if arguments.flag("--index") || arguments.value("--index-urls") != nil {
      index = try await IndexComparison(settings) { try shardURLs(arguments) }
    }
    if arguments.flag("--json") {
      Terminal.print(
        JSONValue.object(["documents": documents.json, "queries": queries.json, "index": index?.json]).text)
    } else {
      Terminal.print(documents.text)
      Terminal.print(queries.text)
      if let index { Terminal.print(index.text) }
    }
    return documents.isBalanced && queries.isBalanced && index?.agrees ?? true ? .success : .failure
  }

  private static func shardURLs(_ arguments: ParsedArguments) throws -> [String] {
    if let urls = arguments.value("--index-urls") { return urls.split(separator: ",").map(String.init) }
    let directory = try StateDirectory.find(arguments)
    guard let record = directory.read() else { throw NothingRuns(directory) }
    return try record.processes.filter { $0.role.hasPrefix("search-") }.map { process in
      guard let port = process.httpPort else { throw Unavailable("\(process.role) has not started") }
      return "http://127.0.0.1:\(port)"
    }
  }
}
