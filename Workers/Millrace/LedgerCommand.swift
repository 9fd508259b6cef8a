import CommandLine
import Foundation
import KafkaClient
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
    let since = try arguments.value("--since").map(Age.init)
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

  /// A span of time back from now.
  struct Age {
    let milliseconds: Int64

    init(_ text: String) throws {
      let units: [Character: Int64] = ["s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
      guard let last = text.last, let unit = units[last], let count = Int64(text.dropLast()), count > 0,
        count < 1_000_000
      else { throw UsageError("--since: '\(text)' must be a whole number with s, m, h or d") }
      milliseconds = count * unit
    }

    init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// The moment this span began, counted once: all topics are read from there.
    private let now = WallClock.milliseconds
    var start: ReplayReader.Start { .time(milliseconds: now - milliseconds) }
    /// For states: brokers' clocks differ, and a state of a record that is not looked at does no harm.
    var startOfStates: ReplayReader.Start { .time(milliseconds: now - milliseconds - 60_000) }
    /// A query may have been answered when it was asked before.
    var startOfAnswers: ReplayReader.Start {
      .time(milliseconds: now - milliseconds - QueryFlags.skew - QueryFlags.repeatMax)
    }
  }
}
