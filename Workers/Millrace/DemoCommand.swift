import CommandLine
import Foundation
import Records
import Settings
import Stage

/// `millrace demo`: asks the questions of a table and checks what comes; `make demo` runs it.
enum DemoCommand {
  private struct Row {
    var question: String
    /// `-` when no document answers.
    var document: String
    var words: [String]
  }

  static let command = Command(
    "demo", abstract: "Put a folder, ask the questions of a table, and check documents and words.",
    options: [
      .option("--documents", "DIR", "the knowledge base"), .option("--questions", "FILE", "the table (TSV)"),
    ]
  ) { arguments in
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    guard let folder = arguments.value("--documents"), let table = arguments.value("--questions") else {
      throw UsageError("--documents and --questions are needed")
    }
    let rows = try read(table)
    try await put(folder, settings)
    let client = try QueryClient(settings: settings)
    var faults: [String] = []
    for row in rows {
      guard let id = QueryID("demo-\(UUID().uuidString.lowercased())") else { continue }
      Terminal.print("\n? \(row.question)")
      guard let answer = try await client.ask(QueryRecord(id: id, text: row.question)) else {
        faults.append("\(row.question): no answer")
        continue
      }
      Terminal.print(AnswerText.render(answer, mode: .answer))
      if let fault = check(answer, row) { faults.append("\(row.question): \(fault)") }
    }
    await client.close()
    for fault in faults { Terminal.complain("\nNOT AS EXPECTED: \(fault)") }
    Terminal.print("\n\(rows.count - faults.count) of \(rows.count) answers as the table expects")
    return faults.isEmpty ? .success : .failure
  }

  private static func put(_ folder: String, _ settings: Settings) async throws {
    let documents = try DocumentFiles.read(path: folder, .standard)
    let client = try DocumentClient(settings: settings)
    let watch = Stopwatch()
    let outcome = try await client.send(
      documents.map { OutgoingDocument(key: $0.key, value: $0.json.bytes) }, waits: true,
      timeout: .seconds(120),
      showsProgress: true)
    await client.close()
    let indexed = outcome.states.filter { $0.state == .indexed }
    let chunks = indexed.reduce(0) { $0 + Int($1.chunks) }
    Terminal.print(
      "\(indexed.count) of \(documents.count) documents indexed (\(chunks) chunks) in "
        + "\(String(format: "%.1f", watch.seconds)) s")
    guard indexed.count == documents.count else {
      throw Unavailable(description: "\(documents.count - indexed.count) documents were not indexed")
    }
  }

  private static func read(_ path: String) throws -> [Row] {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    return try text.split(separator: "\n").dropFirst().map { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 3 else { throw UsageError("\(path): '\(line)' must have three fields") }
      return Row(
        question: fields[0], document: fields[1],
        words: fields[2] == "-" ? [] : fields[2].split(separator: "|").map(String.init))
    }
  }

  private static func check(_ answer: AnswerRecord, _ row: Row) -> String? {
    guard row.document != "-" else {
      return answer.status == .refused ? nil : "must be refused, was \(answer.status.rawValue)"
    }
    guard answer.status == .answered else { return "must be answered, was \(answer.status.rawValue)" }
    guard answer.citations.contains(where: { $0.documentID.rawValue == row.document }) else {
      return
        "must cite \(row.document), cites \(answer.citations.map(\.documentID.rawValue).joined(separator: ", "))"
    }
    let quotes = answer.citations.filter { $0.documentID.rawValue == row.document }.map(\.quote).joined(
      separator: " ")
    let missing = row.words.filter { !quotes.contains($0) }
    return missing.isEmpty ? nil : "the quotes lack '\(missing.joined(separator: "', '"))'"
  }
}
