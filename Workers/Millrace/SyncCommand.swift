import Client
import CommandLine
import Foundation
import LocalState
import Records
import Settings
import Stage
import Time

/// `documents sync DIR`: makes the documents of a source match a folder.
enum SyncCommand {
  static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    guard arguments.positionals.count == 1 else { throw UsageError("give one DIR to sync") }
    let folder = URL(fileURLWithPath: arguments.positionals[0]).standardizedFileURL
    let type = try? FileManager.default.attributesOfItem(atPath: folder.path)[.type] as? FileAttributeType
    guard type == .typeDirectory else {
      throw UsageError("'\(folder.path)' is not a folder")
    }
    let tenant = try arguments.tenant()
    let source = arguments.value("--source") ?? folder.path
    let acl = try DocumentFiles.acl(arguments)
    let metadata = try DocumentFiles.metadata(arguments)
    let found = try DocumentFiles.read(path: folder.path, tenant)
    let wanted = found.documents.map { document in
      var document = document
      document.source = source
      document.metadata.merge(metadata) { _, given in given }
      if !acl.isEmpty { document.acl = acl }
      return document
    }
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let rows = try await DocumentReader(settings: settings).list(tenant: tenant)
    let plan = SyncPlan(wanted: wanted, rows: rows, source: source)
    if !plan.foreign.isEmpty {
      let other = rows.first { $0.key.id == plan.foreign[0] }?.source ?? ""
      throw UsageError(
        "\(plan.foreign.count) ids under \(folder.path) "
          + "(such as \(plan.foreign.prefix(5).map(\.rawValue).joined(separator: ", "))) "
          + "are already the ids of documents of another source, '\(other)'; give --source '\(other)' if it is the "
          + "same folder, use another tenant for one of the sources, or delete those documents first")
    }
    if wanted.isEmpty, !plan.removed.isEmpty, !arguments.flag("--allow-empty") {
      throw UsageError(
        "\(folder.path) holds no document: all \(plan.removed.count) documents of source '\(source)' would be "
          + "deleted; give --allow-empty to delete them")
    }
    if arguments.flag("--dry-run") {
      for file in found.skipped { Terminal.complain("skipped \(file.path): \(file.reason)") }
      for document in plan.new { Terminal.print("new      \(document.id)") }
      for document in plan.changed { Terminal.print("changed  \(document.id)") }
      for key in plan.removed { Terminal.print("deleted  \(key.id)") }
      Terminal.print("would be: \(plan.summary)")
      return .success
    }
    let records =
      (plan.new + plan.changed).map(OutgoingDocument.init)
      + plan.removed.map(OutgoingDocument.init(deleting:))
    return try await send(records, plan, found.skipped, settings, arguments)
  }

  private static func send(
    _ records: [OutgoingDocument], _ plan: SyncPlan, _ skipped: [DocumentFiles.Selection.Skipped],
    _ settings: Settings, _ arguments: ParsedArguments
  ) async throws -> ExitCode {
    let watch = Stopwatch()
    var outcome = DocumentClient.Outcome()
    if !records.isEmpty {
      let client = try DocumentClient(settings: settings)
      outcome = try await client.send(
        records, waits: !arguments.flag("--no-wait"),
        timeout: .seconds(try arguments.integer("--timeout", in: 1...86_400) ?? 600),
        progress: DocumentProgress.bar(records.count))
      DocumentProgress.end(records.count)
      await client.close()
    }
    let failed = outcome.states.filter { $0.state == .failed }
    for status in failed {
      if let error = status.error { Terminal.complain("\(status.id): \(error.code): \(error.message)") }
    }
    let code: ExitCode = outcome.missing > 0 ? .timedOut : (failed.isEmpty ? .success : .rejected)
    if arguments.flag("--json") {
      Terminal.print(
        JSONValue.object([
          "new": .int(plan.new.count), "changed": .int(plan.changed.count),
          "unchanged": .int(plan.unchangedCount),
          "deleted": .int(plan.removed.count), "failed": .int(failed.count), "missing": .int(outcome.missing),
          "skipped": .array(
            skipped.map { .object(["path": .string($0.path), "reason": .string($0.reason)]) }),
          "states": .array(outcome.states.map(\.json)),
        ]).text)
    } else {
      for file in skipped { Terminal.complain("skipped \(file.path): \(file.reason)") }
      var line = plan.summary + " in \(String(format: "%.1f", watch.seconds)) s"
      if !failed.isEmpty { line += "; \(failed.count) failed" }
      if !skipped.isEmpty { line += "; \(skipped.count) skipped" }
      if outcome.missing > 0 { line += "; \(outcome.missing) still in progress" }
      Terminal.print(line)
    }
    return code
  }
}
