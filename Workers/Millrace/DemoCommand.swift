import Failures
import Client
import CommandLine
import Foundation
import LocalState
import Records
import Settings
import Stage
import Time

/// `millrace demo`: runs the steps of a table and checks the answers. `make demo` runs it.
enum DemoCommand {
  private struct Step {
    enum Kind: String { case ask, again, put }
    var kind: Kind
    /// A question, or a file beside the table.
    var what: String
    /// The principal who asks, or who may read the document; empty means everyone in the tenant.
    var principal: String
    /// The document that is put or must be cited; empty when no document answers.
    var document: String
    var words: [String]
  }

  static let command = Command(
    "demo", abstract: "Put a folder, run the steps of a table, and check the cited documents and words.",
    options: [
      .option("--documents", "DIR", "the knowledge base"),
      .option(
        "--steps", "FILE",
        "the table (TSV) with the columns step (ask, again or put), what, as, document, words"),
    ]
  ) { arguments in
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    guard let folder = arguments.value("--documents"), let table = arguments.value("--steps") else {
      throw UsageError("--documents and --steps are needed")
    }
    let steps = try read(table)
    let documents = try DocumentFiles.read(path: folder, .standard).documents
    try await put(documents, settings)
    let client = try QueryClient(settings: settings)
    var faults: [String] = []
    var times: [String: Double] = [:]
    for step in steps {
      if step.kind == .put {
        let file = URL(fileURLWithPath: table).deletingLastPathComponent().appendingPathComponent(step.what)
          .path
        try await change(file, step, isNew: !documents.contains { $0.id.rawValue == step.document }, settings)
        continue
      }
      var fault = try await ask(step, client, settings, &times)
      // An answer is cached after it was sent, and a slow Redis counts as a miss: a question that is repeated
      // at once may be too early.
      for _ in 0..<2 where step.kind == .again && fault == mustBeCached {
        fault = try await ask(step, client, settings, &times)
      }
      if let fault { faults.append("\(step.what): \(fault)") }
    }
    await client.close()
    for fault in faults { Terminal.complain("\nNOT AS EXPECTED: \(fault)") }
    let count = steps.filter { $0.kind != .put }.count
    Terminal.print("\n\(count - faults.count) of \(count) answers as the table expects")
    return faults.isEmpty ? .success : .failure
  }

  private static func ask(
    _ step: Step, _ client: QueryClient, _ settings: Settings, _ times: inout [String: Double]
  ) async throws -> String? {
    var query = QueryRecord(id: QueryID(unique: "demo"), text: step.what)
    if !step.principal.isEmpty { query.principals = [step.principal] }
    let asker = step.principal.isEmpty ? "" : "  (asked as \(step.principal))"
    Terminal.print("\n? \(step.what)\(asker)")
    let watch = Stopwatch()
    guard let answer = try await client.ask(query) else { return "no answer" }
    let took = watch.milliseconds
    Terminal.print(AnswerText.render(answer, mode: .answer))
    if step.kind == .again, let first = times[step.what] {
      Terminal.print(String(format: "  %.0f ms from question to answer, %.0f ms the first time", took, first))
    }
    times[step.what] = took
    return check(answer, step, settings)
  }

  private static func change(_ file: String, _ step: Step, isNew: Bool, _ settings: Settings) async throws {
    var documents = try DocumentFiles.read(path: file, .standard).documents
    guard documents.count == 1, let id = DocumentID(step.document) else {
      throw UsageError("\(file) must be one document")
    }
    documents[0].id = id
    if !step.principal.isEmpty { documents[0].acl = [step.principal] }
    Terminal.print(
      "\n> \(step.document) is \(isNew ? "put" : "changed")"
        + (step.principal.isEmpty ? "" : "; only \(step.principal) may read it"))
    try await put(documents, settings)
  }

  private static func put(_ documents: [DocumentRecord], _ settings: Settings) async throws {
    let client = try DocumentClient(settings: settings)
    let watch = Stopwatch()
    let outcome = try await client.send(
      documents.map(OutgoingDocument.init), waits: true, timeout: .seconds(120),
      progress: DocumentProgress.bar(documents.count))
    DocumentProgress.end(documents.count)
    await client.close()
    let indexed = outcome.states.filter { $0.state == .indexed }
    for state in outcome.states where state.state == .failed {
      Terminal.complain("document \(state.id) failed: \(state.error?.message ?? "no reason was recorded")")
    }
    let chunks = indexed.reduce(0) { $0 + Int($1.chunks) }
    Terminal.print(
      "\(indexed.count) of \(documents.count) documents indexed (\(chunks) chunks) in "
        + "\(String(format: "%.1f", watch.seconds)) s")
    guard indexed.count == documents.count else {
      throw Unavailable("\(documents.count - indexed.count) documents were not indexed")
    }
  }

  private static func read(_ path: String) throws -> [Step] {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    return try text.split(separator: "\n").dropFirst().map { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map {
        $0 == "-" ? "" : String($0)
      }
      guard fields.count == 5, let kind = Step.Kind(rawValue: fields[0]) else {
        throw UsageError("\(path): '\(line)' must have five fields, the first of them ask, again or put")
      }
      return Step(
        kind: kind, what: fields[1], principal: fields[2], document: fields[3],
        words: fields[4].split(separator: "|").map(String.init))
    }
  }

  private static let mustBeCached = "must come from the cache"

  private static func check(_ answer: AnswerRecord, _ step: Step, _ settings: Settings) -> String? {
    guard !step.document.isEmpty else {
      return answer.status == .refused ? nil : "must be refused, was \(answer.status.rawValue)"
    }
    guard answer.status == .answered else { return "must be answered, was \(answer.status.rawValue)" }
    let isRepeated = step.kind == .again && !settings.redis.address.isEmpty
    guard (answer.cache == .exact) == isRepeated else {
      return isRepeated ? mustBeCached : "must be a new answer, came from the cache"
    }
    guard answer.citations.contains(where: { $0.documentID.rawValue == step.document }) else {
      let cited = answer.citations.map(\.documentID.rawValue).joined(separator: ", ")
      return "must cite \(step.document), cites \(cited)"
    }
    let quotes = answer.citations.filter { $0.documentID.rawValue == step.document }.map(\.quote)
      .joined(separator: " ").split(whereSeparator: \.isWhitespace).joined(separator: " ")
    let missing = step.words.filter { !quotes.contains($0) }
    return missing.isEmpty ? nil : "the quotes do not contain '\(missing.joined(separator: "', '"))'"
  }
}
