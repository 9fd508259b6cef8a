import Client
import CommandLine
import Foundation
import Records

extension Command.Option {
  /// `--metadata JSON`.
  static let metadata = Command.Option.option(
    "--metadata", "JSON", #"metadata that queries can filter by, for example {"site":"north"}"#)
}

extension DocumentFiles {
  /// The values of `--acl`; empty when it is not given.
  ///
  /// - Throws: `UsageError` for an empty name, such as an unset variable of a shell: it would be a principal's.
  static func acl(_ arguments: ParsedArguments) throws -> [String] {
    let names = arguments.allValues("--acl")
    guard !names.contains("") else { throw UsageError("--acl: '' must be the name of a principal") }
    return names
  }

  /// The value of `--metadata`; empty when it is not given.
  ///
  /// - Throws: `UsageError`, which names the member that can't be metadata.
  static func metadata(_ arguments: ParsedArguments) throws -> [String: MetadataValue] {
    guard let text = arguments.value("--metadata") else { return [:] }
    do { return try DocumentRecord.metadata(JSONReader.read(Array(text.utf8))) } catch let error as FieldError
    {
      throw UsageError("--metadata: \(error.message)")
    } catch {
      throw UsageError("--metadata: \(error)")
    }
  }

  /// A record's own metadata and the given ones may be too large together.
  private static func checkMetadata(of document: DocumentRecord) throws {
    do { _ = try DocumentRecord.metadata(document.json["metadata"] ?? .null) } catch {
      throw UsageError("\(document.id): --metadata: \(error.message)")
    }
  }

  /// The records of `documents put`.
  ///
  /// - Throws: `UsageError` for an argument, a file or a line that can't be used.
  static func read(_ arguments: ParsedArguments, tenant: TenantID) throws -> Selection {
    guard !arguments.positionals.isEmpty else { throw UsageError("give a FILE, a DIR or - to put") }
    var selection = Selection()
    /// The argument that an id came from.
    var sources: [DocumentKey: String] = [:]
    for path in arguments.positionals {
      let part = try read(path: path, tenant)
      for document in part.documents {
        if let other = sources.updateValue(path, forKey: document.key) {
          throw UsageError(
            "id '\(document.id)' would come from two sources, \(other) and \(path): nothing was put. "
              + "Put them by one command each, with --id for one of them")
        }
      }
      selection.documents += part.documents
      selection.skipped += part.skipped
    }
    var documents: [DocumentRecord] {
      get { selection.documents }
      set { selection.documents = newValue }
    }
    if let id = arguments.value("--id") {
      guard documents.count == 1 else {
        throw UsageError("--id names one document, but \(documents.count) are put")
      }
      guard let id = DocumentID(id) else { throw UsageError("--id: '\(id)' \(DocumentID.rule)") }
      documents[0].id = id
    } else if arguments.positionals.contains("-") {
      throw UsageError("standard input (-) needs --id")
    }
    let metadata = try metadata(arguments)
    let acl = try acl(arguments)
    for index in documents.indices {
      documents[index].metadata.merge(metadata) { _, given in given }
      if !metadata.isEmpty { try checkMetadata(of: documents[index]) }
      if let title = arguments.value("--title") { documents[index].title = title }
      if let source = arguments.value("--source") { documents[index].source = source }
      if !acl.isEmpty { documents[index].acl = acl }
    }
    guard !documents.isEmpty else {
      for file in selection.skipped { Terminal.complain("skipped \(file.path): \(file.reason)") }
      throw UsageError(
        "\(arguments.positionals.joined(separator: " ")) holds no document. Kinds read from a folder: "
          + extensions.joined(separator: ", ") + ". Give a .jsonl file by its own path")
    }
    return selection
  }
}
