import Client
import CommandLine
import LocalState
import Records

/// `documents reread`, and `documents status` without an id.
enum RereadCommand {
  static let options: [Command.Option] = [
    .option("--tenant", "NAME", "only documents of this tenant"),
    .option("--source", "NAME", "only documents of this source"),
    .option(
      "--format", "NAME",
      "only documents of this format: "
        + DocumentFormat.allCases.map(\.rawValue).joined(separator: ", ")),
    .flag("--all", "also documents that the present reader has read, for example after a change of settings"),
    .flag("--failed", "documents whose newest version failed, instead of those read by an older reader"),
    .option("--rate", "NUMBER", "documents a second at most (default 50)"),
    .flag("--dry-run", "print the documents without reading them again"),
  ]

  static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    var format: DocumentFormat?
    if let name = arguments.value("--format") {
      guard let known = DocumentFormat(rawValue: name) else {
        throw UsageError(
          "--format '\(name)' must be one of "
            + DocumentFormat.allCases.map(\.rawValue).joined(separator: ", "))
      }
      format = known
    }
    guard !arguments.flag("--failed") || format == nil else {
      throw UsageError("--failed can't be used with --format: a failed document has no reader")
    }
    guard !arguments.flag("--failed") || arguments.value("--source") == nil else {
      throw UsageError("--failed can't be used with --source: a failed document has no source in the index")
    }
    let rate = try arguments.integer("--rate", in: 1...10_000) ?? 50
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let survey = try await DocumentSurvey(settings, tenant: try tenant(arguments))
    let source = arguments.value("--source")
    let all = (arguments.flag("--failed") ? survey.failed : survey.visible).filter { document in
      (source == nil || document.source == source) && (format == nil || document.reader?.format == format)
        && (arguments.flag("--all") || arguments.flag("--failed") || document.isOutdated)
    }
    // The record of a document of another epoch was in a topic that has been deleted since.
    let chosen = all.filter { $0.version.epoch == settings.ingest.epoch }.sorted {
      ($0.version.offset, $0.key.description) < ($1.version.offset, $1.key.description)
    }
    if chosen.count < all.count {
      Terminal.complain("\(all.count - chosen.count) documents are of another epoch: put them again")
    }
    if arguments.flag("--dry-run") {
      for document in chosen {
        let reader = arguments.flag("--failed") ? "failed" : document.reader?.description ?? "unknown"
        Terminal.print("\(document.key)  \(document.version)  \(reader)")
      }
      Terminal.print("\(chosen.count) documents would be read again")
      return .success
    }
    if chosen.isEmpty {
      Terminal.print(
        arguments.flag("--json") ? #"{"sent":0,"missing":0,"states":[]}"# : "no document to read again")
      return .success
    }
    let requests = chosen.map { RereadRequest($0.key, $0.version) }
    let code = try await DocumentsCommand.send(requests.map { OutgoingDocument($0) }, arguments, rate: rate)
    if code != .timedOut, !arguments.flag("--no-wait") {
      // The requests are done. Tombstones let compaction remove them, so that nothing of a deleted document stays.
      let client = try DocumentClient(settings: settings)
      _ = try await client.send(
        requests.map { OutgoingDocument(takingBack: $0) }, waits: false, timeout: .seconds(60))
      await client.close()
    }
    return code
  }

  static func summary(_ arguments: ParsedArguments) async throws -> ExitCode {
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let survey = try await DocumentSurvey(settings, tenant: try tenant(arguments))
    let readers = Dictionary(grouping: survey.visible, by: \.reader).map { ($0, $1.count) }
      .sorted { ($0.0?.description ?? "") < ($1.0?.description ?? "") }
    let outdated = survey.visible.count { $0.isOutdated }
    if arguments.flag("--json") {
      Terminal.print(
        JSONValue.object([
          "documents": .int(survey.visible.count), "outdated": .int(outdated),
          "failed": .int(survey.failed.count),
          "readers": .array(
            readers.map { reader, count in
              .object([
                "reader": .string(reader?.description ?? "unknown"), "documents": .int(count),
                "outdated": .bool(reader?.isOlder ?? true),
              ])
            }),
        ]).text)
      return .success
    }
    for (reader, count) in readers {
      let note =
        switch reader {
        case .none: "  by a former release"
        case .some(let reader) where reader.isOlder: "  now \(ReaderVersion.current(reader.format))"
        default: ""
        }
      Terminal.print("\(count)  read by \(reader?.description ?? "an unknown reader")\(note)")
    }
    Terminal.print(
      "\(survey.visible.count) documents, \(outdated) of them read by an older reader; "
        + "\(survey.failed.count) failed")
    if outdated > 0 { Terminal.print("millrace documents reread reads the older ones again") }
    return .success
  }

  private static func tenant(_ arguments: ParsedArguments) throws -> TenantID? {
    arguments.value("--tenant") == nil ? nil : try arguments.tenant()
  }
}
