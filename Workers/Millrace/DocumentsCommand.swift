import BlockingExecutor
import Client
import CommandLine
import Foundation
import Ingest
import KafkaClient
import LocalState
import Parsing
import Records
import Settings
import Stage
import Supervision
import Time

enum DocumentsCommand {
  private static let tenant: Command.Option = .option(
    "--tenant", "NAME", "the tenant of the document (default: default)")
  private static let wait: [Command.Option] = [
    .flag("--no-wait", "return when the broker has acknowledged the records"),
    .option("--timeout", "SECONDS", "stop waiting after this time (default 600); the pipeline goes on"),
  ]

  static let command = Command(
    "documents", abstract: "Put, delete and list documents.",
    subcommands: [
      Command(
        "put", abstract: "Put files and wait until they are indexed.",
        discussion: """
          FILE is text, Markdown, HTML, CSV, TSV, PDF, DOCX, XLSX or EPUB, also compressed by gzip. Its path as
          given is the document's id. With DIR, all files below it with an extension of these kinds are put; their
          ids are their paths below DIR. Hidden files and folders, node_modules and the like, and links out of DIR
          are skipped; each is listed with the reason. A .jsonl file holds one document record per line; below DIR
          it is skipped. - reads one document from standard input and needs --id.
          """, arguments: "FILE|DIR|-...",
        options: [
          tenant, .option("--id", "ID", "the document's id; only if a single document is put"),
          .option("--title", "TITLE", "the title of every document that is put"),
          .option("--source", "NAME", "where the documents come from"), .metadata,
          .option(
            "--acl", "PRINCIPAL", "a principal who may read; may be repeated (default: the whole tenant)",
            repeating: true),
        ] + wait, action: put),
      Command(
        "sync", abstract: "Make the documents of a source match a folder.",
        discussion: """
          Puts new and changed files, deletes the documents whose files are gone, and skips unchanged files. Ids are
          paths below DIR. Only documents of the same tenant and source are deleted. The source is DIR's full path
          unless --source is given.
          """, arguments: "DIR",
        options: [
          tenant, .option("--source", "NAME", "where the documents come from (default: DIR's full path)"),
          .metadata,
          .option(
            "--acl", "PRINCIPAL", "a principal who may read; may be repeated (default: the whole tenant)",
            repeating: true),
          .flag("--dry-run", "print the changes without making them"),
          .flag("--allow-empty", "delete all documents of the source when the folder is empty"),
        ] + wait, action: SyncCommand.run),
      Command(
        "get", abstract: "Print a document as it was put: its bytes or its URI or, with --json, its record.",
        discussion: """
          --text prints the text that this release extracts from the document with this machine's settings. The start
          and end of a citation are byte offsets in this text.
          """, arguments: "ID",
        options: [tenant, .flag("--text", "print the text extracted from the document")], action: get),
      Command(
        "delete", abstract: "Delete documents and wait until they are deleted.", arguments: "ID...",
        options: [tenant] + wait, action: delete),
      Command(
        "status", abstract: "Show the states of a document's versions; without ID, count all by reader.",
        discussion: """
          A reader is the code that extracts the text of one format; its number rises when a release changes it.
          Without ID, the command reads all of rag.vectors and counts the documents by the reader that read them, and
          those that an older version of a reader has read. `documents reread` reads the latter again.
          """, arguments: "[ID]",
        options: [.option("--tenant", "NAME", "the tenant (default: default; without ID: all)")],
        action: status),
      Command(
        "reread", abstract: "Read the documents again that an older version of their reader has read.",
        discussion: """
          Run this command when all workers run the new release. A document's record stays as it is. Reading it again
          makes a new version, higher than the record's version and lower than that of every later record, so a
          document that is put meanwhile replaces it. Chunks whose text is the same get their vectors from the
          embedding cache if it still holds them; all other chunks are embedded. The command can be stopped and
          repeated at any time.
          """, options: RereadCommand.options + wait, action: RereadCommand.run),
      Command(
        "list", abstract: "List documents with their newest version and its state.",
        discussion: """
          With --filter the command also reads all of rag.vectors, and compares the metadata of each document's visible
          version as queries do.
          """,
        options: [
          .option("--tenant", "NAME", "only documents of this tenant"),
          .option("--source", "NAME", "only documents of this source"), .metadataFilter,
        ], action: list),
    ])

  private static func put(_ arguments: ParsedArguments) async throws -> ExitCode {
    let selection = try DocumentFiles.read(arguments, tenant: try arguments.tenant())
    return try await send(
      selection.documents.map(OutgoingDocument.init), arguments, skipped: selection.skipped)
  }

  private static func delete(_ arguments: ParsedArguments) async throws -> ExitCode {
    guard !arguments.positionals.isEmpty else { throw UsageError("give the ids of the documents to delete") }
    let tenant = try arguments.tenant()
    let records = try arguments.positionals.map { text in
      guard let id = DocumentID(text) else { throw UsageError("id '\(text)' \(DocumentID.rule)") }
      return OutgoingDocument(deleting: DocumentKey(tenant: tenant, id: id))
    }
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let reader = DocumentReader(settings: settings)
    // Looking up one document reads a whole partition. For many documents, read the whole topic once instead.
    var known: Set<DocumentKey>?
    if records.count > 20 { known = Set(try await reader.list(tenant: tenant).map(\.key)) }
    for key in records.map(\.key) {
      // Send the deletion even if the document was not found: a put of it may be under way.
      let isThere: Bool
      if let known {
        isThere = known.contains(key)
      } else {
        isThere = try await reader.newest(key)?.value != nil
      }
      if !isThere { Terminal.complain("\(key) does not exist, or is deleted already") }
    }
    return try await send(records, arguments)
  }

  static func send(
    _ records: [OutgoingDocument], _ arguments: ParsedArguments, rate: Int? = nil,
    skipped: [DocumentFiles.Selection.Skipped] = []
  ) async throws -> ExitCode {
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let timeout = Duration.seconds(try arguments.integer("--timeout", in: 1...86_400) ?? 600)
    let client = try DocumentClient(settings: settings)
    let watch = Stopwatch()
    let outcome = try await client.send(
      records, waits: !arguments.flag("--no-wait"), timeout: timeout, rate: rate,
      progress: DocumentProgress.bar(records.count))
    DocumentProgress.end(records.count)
    await client.close()
    return report(outcome, seconds: watch.seconds, arguments, skipped)
  }

  private static func report(
    _ outcome: DocumentClient.Outcome, seconds: Double, _ arguments: ParsedArguments,
    _ skipped: [DocumentFiles.Selection.Skipped]
  ) -> ExitCode {
    let failed = outcome.states.filter { $0.state == .failed }
    let code: ExitCode = outcome.missing > 0 ? .timedOut : (failed.isEmpty ? .success : .rejected)
    if arguments.flag("--json") {
      Terminal.print(
        JSONValue.object([
          "sent": .int(outcome.sent), "missing": .int(outcome.missing),
          "states": .array(outcome.states.map(\.json)),
          "skipped": .array(
            skipped.map { .object(["path": .string($0.path), "reason": .string($0.reason)]) }),
        ]).text)
      return code
    }
    for file in skipped { Terminal.complain("skipped \(file.path): \(file.reason)") }
    let note = skipped.isEmpty ? "" : "; \(skipped.count) skipped"
    var warnings: Set<String> = []
    for status in outcome.states {
      if let error = status.error { Terminal.complain("\(status.id): \(error.code): \(error.message)") }
      warnings.formUnion(status.warnings)
    }
    for warning in warnings.sorted() { Terminal.complain("warning: \(warning)") }
    if outcome.states.isEmpty, outcome.missing == 0 {
      Terminal.print("\(outcome.sent) records acknowledged\(note)")
      return code
    }
    let counts = Dictionary(grouping: outcome.states.filter(\.state.isTerminal), by: \.state).mapValues(
      \.count)
    let summary = counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.value) \($0.key.rawValue)" }
    Terminal.print(
      "\(summary.joined(separator: ", ")) in \(String(format: "%.1f", seconds)) s"
        + (outcome.missing > 0 ? "; \(outcome.missing) still in progress" : "") + note)
    return code
  }

  private static func status(_ arguments: ParsedArguments) async throws -> ExitCode {
    if arguments.positionals.isEmpty { return try await RereadCommand.summary(arguments) }
    guard arguments.positionals.count == 1, let id = DocumentID(arguments.positionals[0]) else {
      throw UsageError("give one document id; it \(DocumentID.rule)")
    }
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let key = DocumentKey(tenant: try arguments.tenant(), id: id)
    var states = try await DocumentReader(settings: settings).states(of: key)
    if states.isEmpty {
      states = try await DocumentReader(settings: settings).states(ofRecordAt: arguments.positionals[0])
    }
    if arguments.flag("--json") {
      Terminal.print(JSONValue.array(states.map(\.json)).text)
    } else if states.isEmpty {
      let misplaced = try await DocumentReader(settings: settings).misplaced(key)
      for place in misplaced {
        Terminal.complain(
          "\(key) was refused at \(place): code wrong_partition. Set partitioner=murmur2_random in the client that "
            + "writes it (librdkafka's default is another), and put it again")
      }
      if misplaced.isEmpty {
        Terminal.complain(
          "no state of \(key) is known. States are kept 30 days. A record whose key contradicts its value has its "
            + "state under the record's topic-partition-offset")
      }
    }
    if !arguments.flag("--json") {
      for status in states {
        let detail =
          status.error.map { "  \($0.code): \($0.message)" } ?? (status.token.map { "  token \($0)" } ?? "")
        Terminal.print(
          "\(status.version.map(\.description) ?? "-")  \(status.operation.rawValue)  \(status.state.rawValue)  "
            + "\(status.chunks) chunks\(detail)")
        for warning in status.warnings { Terminal.print("  warning: \(warning)") }
      }
    }
    return states.isEmpty ? .failure : .success
  }

  private static func list(_ arguments: ParsedArguments) async throws -> ExitCode {
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let only = arguments.value("--tenant") == nil ? nil : try arguments.tenant()
    let reader = DocumentReader(settings: settings)
    var rows: [DocumentReader.Row]
    if let filter = try arguments.metadataFilter() {
      rows = try await reader.list(tenant: only, filter: filter)
    } else {
      rows = try await reader.list(tenant: only)
    }
    if let source = arguments.value("--source") { rows.removeAll { $0.source != source } }
    if arguments.flag("--json") {
      Terminal.print(
        JSONValue.array(
          rows.map { row in
            .object([
              "id": .string(row.key.id.rawValue), "tenant": .string(row.key.tenant.rawValue),
              "version": .string(row.version.description), "state": .string(row.state.description),
              "chunks": .int(row.chunks), "source": .string(row.source),
            ])
          }
        ).text)
    } else {
      for row in rows {
        let source = row.source.isEmpty ? "" : "  from \(row.source)"
        Terminal.print("\(row.key)  \(row.version)  \(row.state)  \(row.chunks) chunks\(source)")
      }
      Terminal.print("\(rows.count) documents")
    }
    return .success
  }

  private static func get(_ arguments: ParsedArguments) async throws -> ExitCode {
    guard arguments.positionals.count == 1, let id = DocumentID(arguments.positionals[0]) else {
      throw UsageError("give one document id; it \(DocumentID.rule)")
    }
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let key = DocumentKey(tenant: try arguments.tenant(), id: id)
    guard let record = try await DocumentReader(settings: settings).newest(key), let value = record.value
    else {
      Terminal.complain("millrace: \(key) does not exist, or was deleted")
      return .failure
    }
    if arguments.flag("--json") {
      Terminal.print(String(decoding: value, as: UTF8.self))
      return .success
    }
    let document = try DocumentRecord(value: value, key: key, fieldMap: settings.ingest.fieldMap)
    if arguments.flag("--text") { return try await printText(of: document, settings) }
    switch document.content {
    case .text(let text):
      FileHandle.standardOutput.write(Data((Terminal.isRead ? Terminal.harmless(text) : text).utf8))
    case .base64(let text):
      let data = Data(base64Encoded: text) ?? Data()
      FileHandle.standardOutput.write(
        Terminal.isRead ? Data(Terminal.harmless(String(decoding: data, as: UTF8.self)).utf8) : data)
    case .uri(let uri): Terminal.print(uri)
    }
    return .success
  }

  private static func printText(of document: DocumentRecord, _ settings: Settings) async throws -> ExitCode {
    let programs = ParserPrograms(
      besides: OwnExecutable.url,
      confinement: settings.ingest.isSandboxRequired ? .required : .unconfined)
    let parser = DocumentParser(settings.ingest, programs, ocr: settings.ingest.ocr(programs))
    do {
      let text = try await BlockingCalls(name: "parser").run { try parser.parse(document).text }
      FileHandle.standardOutput.write(
        Terminal.isRead ? Data(Terminal.harmless(String(decoding: text, as: UTF8.self)).utf8) : Data(text))
      return .success
    } catch let error as FieldError {
      Terminal.complain("\(document.key): \(error)")
      return .rejected
    }
  }
}
