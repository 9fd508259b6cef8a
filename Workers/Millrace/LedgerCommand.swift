import Evaluation
import Client
import CommandLine
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
      Accepted = finished + in flight, or something is lost. Reads rag.documents with its states and rag.queries with
      rag.answers, and of the topics between them what their groups have not committed. Exit code 1 when anything is
      lost, or ended in two different states. Records may be on their way meanwhile: they count as in flight. What
      does not fit in memory at once is left to a further pass over the topics.
      """,
    options: [
      .option(
        "--since", "AGE",
        "documents and queries of the last 90m, 24h, 7d … (default: as far back as their states are kept)"),
      .option(
        "--memory-records", "N",
        "hold at most N documents and N queries at once, 1 to \(Ledger.queriesMaxDefault), in more passes "
          + "(default: \(Ledger.documentsMaxDefault) document versions at 1 byte, \(Ledger.queriesMaxDefault) queries at about 100 bytes)"
      ),
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
    if arguments.flag("--json") {
      Terminal.print(
        JSONValue.object(["documents": documents.json, "queries": queries.json]).text)
    } else {
      Terminal.print(documents.text)
      Terminal.print(queries.text)
    }
    return documents.isBalanced && queries.isBalanced ? .success : .failure
  }
}
