import CommandLine
import Foundation
import KafkaClient
import Records
import Settings
import Stage

enum DocumentsCommand {
  private static let tenant: Command.Option = .option("--tenant", "NAME", "whose document (default: default)")
  private static let wait: [Command.Option] = [
    .flag("--no-wait", "return when the broker has acknowledged the records"),
    .option("--timeout", "SECONDS", "stop waiting after this long (default 600); the work goes on"),
  ]

  static let command = Command(
    "documents", abstract: "Put, delete and list documents.",
    subcommands: [
      Command(
        "put", abstract: "Put files and wait until they are indexed.",
        discussion: """
          FILE is text or Markdown; its name is the document's id. A DIR is walked, and ids are paths within it. A
          .jsonl file holds a document record per line. - reads one document's text from standard input (give --id).
          """, arguments: "FILE|DIR|-...",
        options: [
          tenant, .option("--id", "ID", "the id, for one file or standard input"),
          .option("--title", "TITLE", "the title, for one file or standard input"),
          .option("--source", "NAME", "where the documents come from"),
          .option(
            "--acl", "PRINCIPAL", "who may read; may be repeated (default: the whole tenant)", repeating: true
          ),
        ] + wait, action: put),
      Command(
        "delete", abstract: "Delete documents and wait until they are gone.", arguments: "ID...",
        options: [tenant] + wait, action: delete),
      Command(
        "status", abstract: "Show the states of a document's versions.", arguments: "ID", options: [tenant],
        action: status),
      Command(
        "list", abstract: "List documents with their newest version and its state.",
        options: [.option("--tenant", "NAME", "only this tenant's")], action: list),
    ])

  private static func tenant(_ arguments: ParsedArguments) throws -> TenantID {
    let text = arguments.value("--tenant") ?? "default"
    guard let tenant = TenantID(text) else { throw UsageError("--tenant: '\(text)' \(TenantID.rule)") }
    return tenant
  }

  private static func put(_ arguments: ParsedArguments) async throws -> ExitCode {
    let documents = try DocumentFiles.read(arguments, tenant: try tenant(arguments))
    let records = documents.map { OutgoingDocument(key: $0.key, value: $0.json.bytes) }
    return try await send(records, arguments)
  }

  private static func delete(_ arguments: ParsedArguments) async throws -> ExitCode {
    guard !arguments.positionals.isEmpty else { throw UsageError("give the ids of the documents to delete") }
    let tenant = try tenant(arguments)
    let records = try arguments.positionals.map { text in
      guard let id = DocumentID(text) else { throw UsageError("id '\(text)' \(DocumentID.rule)") }
      return OutgoingDocument(key: DocumentKey(tenant: tenant, id: id), value: nil)
    }
    return try await send(records, arguments)
  }

  private static func send(_ records: [OutgoingDocument], _ arguments: ParsedArguments) async throws
    -> ExitCode
  {
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let timeout = Duration.seconds(try arguments.integer("--timeout", in: 1...86_400) ?? 600)
    let client = try DocumentClient(settings: settings)
    let watch = Stopwatch()
    let outcome = try await client.send(
      records, waits: !arguments.flag("--no-wait"), timeout: timeout, showsProgress: records.count > 20)
    await client.close()
    return report(outcome, seconds: watch.seconds, arguments)
  }

  private static func report(_ outcome: DocumentClient.Outcome, seconds: Double, _ arguments: ParsedArguments)
    -> ExitCode
  {
    let failed = outcome.states.filter { $0.state == .failed }
    let code: ExitCode = outcome.missing > 0 ? .timedOut : (failed.isEmpty ? .success : .rejected)
    if arguments.flag("--json") {
      Terminal.print(
        JSONValue.object([
          "sent": .int(outcome.sent), "missing": .int(outcome.missing),
          "states": .array(outcome.states.map(\.json)),
        ]).text)
      return code
    }
    var warnings: Set<String> = []
    for status in outcome.states {
      if let error = status.error { Terminal.complain("\(status.id): \(error.code): \(error.message)") }
      warnings.formUnion(status.warnings)
    }
    for warning in warnings.sorted() { Terminal.complain("warning: \(warning)") }
    if outcome.states.isEmpty, outcome.missing == 0 {
      Terminal.print("\(outcome.sent) records acknowledged")
      return code
    }
    let counts = Dictionary(grouping: outcome.states.filter(\.state.isTerminal), by: \.state).mapValues(
      \.count)
    let summary = counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.value) \($0.key.rawValue)" }
    Terminal.print(
      "\(summary.joined(separator: ", ")) in \(String(format: "%.1f", seconds)) s"
        + (outcome.missing > 0 ? "; \(outcome.missing) still worked on" : ""))
    return code
  }

  private static func status(_ arguments: ParsedArguments) async throws -> ExitCode {
    guard arguments.positionals.count == 1, let id = DocumentID(arguments.positionals[0]) else {
      throw UsageError("give one document id; it \(DocumentID.rule)")
    }
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let key = DocumentKey(tenant: try tenant(arguments), id: id)
    let states = try await DocumentReader(settings: settings).states(of: key)
    if arguments.flag("--json") {
      Terminal.print(JSONValue.array(states.map(\.json)).text)
    } else if states.isEmpty {
      Terminal.complain("no state of \(key) is known (states are kept 30 days)")
    }
    if !arguments.flag("--json") {
      for status in states {
        let detail =
          status.error.map { "  \($0.code): \($0.message)" } ?? (status.token.map { "  token \($0)" } ?? "")
        Terminal.print(
          "\(status.version.map(\.description) ?? "-")  \(status.operation.rawValue)  \(status.state.rawValue)  "
            + "\(status.chunks) chunks\(detail)")
      }
    }
    return states.isEmpty ? .failure : .success
  }

  private static func list(_ arguments: ParsedArguments) async throws -> ExitCode {
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let only = try arguments.value("--tenant").map { text in
      guard let tenant = TenantID(text) else { throw UsageError("--tenant: '\(text)' \(TenantID.rule)") }
      return tenant
    }
    let rows = try await DocumentReader(settings: settings).list(tenant: only)
    if arguments.flag("--json") {
      Terminal.print(
        JSONValue.array(
          rows.map { row in
            .object([
              "id": .string(row.key.id.rawValue), "tenant": .string(row.key.tenant.rawValue),
              "version": .string(row.version.description), "state": .string(row.state),
              "chunks": .int(row.chunks),
            ])
          }
        ).text)
    } else {
      for row in rows { Terminal.print("\(row.key)  \(row.version)  \(row.state)  \(row.chunks) chunks") }
      Terminal.print("\(rows.count) documents")
    }
    return .success
  }
}

/// Turns the arguments of `documents put` into records.
enum DocumentFiles {
  private static let extensions: Set<String> = ["md", "markdown", "txt", "text"]

  static func read(_ arguments: ParsedArguments, tenant: TenantID) throws -> [DocumentRecord] {
    guard !arguments.positionals.isEmpty else { throw UsageError("give a FILE, a DIR or - to put") }
    var documents: [DocumentRecord] = []
    for path in arguments.positionals { documents += try read(path, tenant) }
    if let id = arguments.value("--id") {
      guard documents.count == 1 else {
        throw UsageError("--id names one document, but \(documents.count) are put")
      }
      guard let id = DocumentID(id) else { throw UsageError("--id: '\(id)' \(DocumentID.rule)") }
      documents[0].id = id
    } else if arguments.positionals.contains("-") {
      throw UsageError("- needs --id")
    }
    for index in documents.indices {
      if let title = arguments.value("--title") { documents[index].title = title }
      if let source = arguments.value("--source") { documents[index].source = source }
      let acl = arguments.allValues("--acl")
      if !acl.isEmpty { documents[index].acl = acl }
    }
    guard !documents.isEmpty else {
      throw UsageError("\(arguments.positionals.joined(separator: " ")) holds no .md, .txt or .jsonl file")
    }
    return documents
  }

  private static func read(_ path: String, _ tenant: TenantID) throws -> [DocumentRecord] {
    if path == "-" {
      let data = FileHandle.standardInput.readDataToEndOfFile()
      return [try document(id: "stdin", Array(data), name: "standard input", tenant)]
    }
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else {
      throw UsageError("'\(path)' does not exist")
    }
    if attributes[.type] as? FileAttributeType == .typeDirectory { return try directory(path, tenant) }
    let data = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    if path.hasSuffix(".jsonl") { return try lines(data, path, tenant) }
    return [try document(id: URL(fileURLWithPath: path).lastPathComponent, data, name: path, tenant)]
  }

  private static func directory(_ path: String, _ tenant: TenantID) throws -> [DocumentRecord] {
    let names = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
    return try names.sorted().filter {
      extensions.contains(URL(fileURLWithPath: $0).pathExtension.lowercased())
    }
    .map { name in
      let data = try Data(contentsOf: URL(fileURLWithPath: path + "/" + name))
      return try document(id: name, Array(data), name: name, tenant)
    }
  }

  private static func document(id: String, _ bytes: [UInt8], name: String, _ tenant: TenantID) throws
    -> DocumentRecord
  {
    guard let documentID = DocumentID(id) else { throw UsageError("id '\(id)' \(DocumentID.rule)") }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw UsageError("\(name) is not UTF-8 text")
    }
    var record = DocumentRecord(id: documentID, tenant: tenant, content: .text(text))
    let type = URL(fileURLWithPath: name).pathExtension.lowercased()
    if type == "md" || type == "markdown" { record.mediaType = "text/markdown" }
    if type == "txt" || type == "text" { record.mediaType = "text/plain" }
    return record
  }

  static func read(path: String, _ tenant: TenantID) throws -> [DocumentRecord] { try read(path, tenant) }

  static func lines(path: String, _ tenant: TenantID) throws -> [DocumentRecord] {
    try lines(Array(try Data(contentsOf: URL(fileURLWithPath: path))), path, tenant)
  }

  /// A record per line; the key is made of its own tenant (or `--tenant`) and id.
  private static func lines(_ data: [UInt8], _ path: String, _ tenant: TenantID) throws -> [DocumentRecord] {
    try data.split(separator: 0x0A).enumerated().map { number, line in
      let value = try JSONReader.read(Array(line))
      guard let id = value["id"]?.stringValue.flatMap(DocumentID.init) else {
        throw UsageError("\(path) line \(number + 1): id \(DocumentID.rule)")
      }
      let own = value["tenant"]?.stringValue.flatMap(TenantID.init) ?? tenant
      var members = (value.members ?? []).filter { $0.name != "tenant" }
      members.append(JSONMember(name: "tenant", value: .string(own.rawValue)))
      do {
        return try DocumentRecord(
          value: JSONValue.object(members).bytes, key: DocumentKey(tenant: own, id: id))
      } catch let error as FieldError {
        throw UsageError("\(path) line \(number + 1): \(error.message)")
      }
    }
  }
}

/// A document's record before it is produced.
struct OutgoingDocument: Sendable {
  var key: DocumentKey
  /// Nil deletes.
  var value: [UInt8]?
}
