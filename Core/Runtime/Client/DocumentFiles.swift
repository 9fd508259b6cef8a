import CommandLine
import Foundation
import Records

/// Turns files and folders into document records.
package enum DocumentFiles {
  /// The file extensions that are read from a folder, with the media type to declare. An empty type lets
  /// ingest detect it.
  private static let types: [String: String] = [
    "md": "text/markdown", "markdown": "text/markdown", "txt": "text/plain", "text": "text/plain",
    "html": "text/html", "htm": "text/html", "xhtml": "text/html", "pdf": "application/pdf",
    "rst": "text/plain", "log": "text/x-log",
    "csv": "text/csv", "tsv": "text/tab-separated-values",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "epub": "application/epub+zip",
    "gz": "",
  ]

  /// Folders that hold what programs have put there.
  private static let skippedFolders: Set<String> = [
    "node_modules", "bower_components", "__pycache__", "venv", "__MACOSX", "lost+found",
  ]

  /// The documents of a path, and the files that are none.
  package struct Selection: Sendable {
    package struct Skipped: Sendable, Equatable {
      package var path: String
      package var reason: String
    }
    package var documents: [DocumentRecord] = []
    package var skipped: [Skipped] = []

    package init(documents: [DocumentRecord] = [], skipped: [Skipped] = []) {
      self.documents = documents
      self.skipped = skipped
    }
  }

  /// The extensions of the files that are read from a folder.
  package static var extensions: [String] { types.keys.sorted() }

  /// Reads documents from a file, from a folder, from a `.jsonl` file with a record per line, or from
  /// standard input (`-`). The ids of a folder's documents are their paths within it, that of a file is its path as
  /// given. In a folder, what is hidden, installed by programs, of another kind, or a link that leads out of it is
  /// skipped.
  ///
  /// - Throws: `UsageError` for a file or a line that can't be used; the system's error for a folder that
  ///   can't be read.
  package static func read(path: String, _ tenant: TenantID) throws -> Selection {
    if path == "-" {
      let data = FileHandle.standardInput.readDataToEndOfFile()
      return Selection(documents: [try document(id: "stdin", Array(data), name: "standard input", tenant)])
    }
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else {
      throw UsageError("'\(path)' does not exist, or a folder above it can't be entered")
    }
    if attributes[.type] as? FileAttributeType == .typeDirectory { return try directory(path, tenant) }
    let data = try bytes(of: path)
    if path.hasSuffix(".jsonl") { return Selection(documents: try lines(data, path, tenant)) }
    return Selection(documents: [try document(id: id(of: path), data, name: path, tenant)])
  }

  /// The path as given, without "./" and repeated slashes.
  private static func id(of path: String) -> String {
    let parts = path.split(separator: "/").filter { $0 != "." }
    return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
  }

  private static func directory(_ path: String, _ tenant: TenantID) throws -> Selection {
    var selection = Selection()
    let root = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    try walk(path, "", root) { name, reason in
      if let reason {
        selection.skipped.append(.init(path: name, reason: reason))
      } else {
        selection.documents.append(try document(id: name, bytes(of: path + "/" + name), name: name, tenant))
      }
    }
    return selection
  }

  /// Calls `visit` for each file, in the order of the names, with a reason if it is skipped.
  ///
  /// - Throws: the system's error for a folder that can't be read, because its documents must not count as
  ///   removed.
  private static func walk(
    _ path: String, _ prefix: String, _ root: String, _ visit: (String, String?) throws -> Void
  ) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: path).sorted() {
      let (full, shown) = (path + "/" + name, prefix + name)
      let type = try FileManager.default.attributesOfItem(atPath: full)[.type] as? FileAttributeType
      if type == .typeSymbolicLink {
        // Kubernetes mounts files as links into a hidden folder beside them.
        let target = URL(fileURLWithPath: full).resolvingSymlinksInPath().path
        let kind = try? FileManager.default.attributesOfItem(atPath: target)[.type] as? FileAttributeType
        if name.hasPrefix(".") {
          try visit(shown, "hidden")
        } else if kind == .typeDirectory {
          try visit(shown, "a link to a folder")
        } else if !target.hasPrefix(root + "/") {
          try visit(shown, "a link out of the folder")
        } else {
          try visit(shown, reason(toSkip: name))
        }
      } else if type == .typeDirectory {
        if name.hasPrefix(".") {
          try visit(shown + "/", "hidden")
        } else if skippedFolders.contains(name) {
          try visit(shown + "/", "installed by a program")
        } else {
          try walk(full, shown + "/", root, visit)
        }
      } else {
        // A pipe with a document's name is an error: its document must not count as removed.
        try visit(shown, reason(toSkip: name))
      }
    }
  }

  private static func reason(toSkip name: String) -> String? {
    if name.hasPrefix(".") { return "hidden" }
    let type = URL(fileURLWithPath: name).pathExtension.lowercased()
    if types[type] != nil { return nil }
    return type == "jsonl" ? "records: give the file by its own path" : "not a kind that is read"
  }

  /// - Throws: `UsageError` if it is no regular file, because reading a pipe without a writer would never
  ///   return.
  private static func bytes(of path: String) throws -> [UInt8] {
    let file = URL(fileURLWithPath: path).resolvingSymlinksInPath()
    let type = try? FileManager.default.attributesOfItem(atPath: file.path)[.type] as? FileAttributeType
    guard type == .typeRegular else {
      throw UsageError(
        "'\(path)' \(type == nil || type == .typeSymbolicLink ? "does not exist" : "must be a regular file")")
    }
    do {
      return Array(try Data(contentsOf: file))
    } catch {
      throw UsageError("'\(path)' can't be read: \(error.localizedDescription)")
    }
  }

  /// Sends text as text and other content as base64, whose type ingest detects.
  private static func document(id: String, _ bytes: [UInt8], name: String, _ tenant: TenantID) throws
    -> DocumentRecord
  {
    guard let documentID = DocumentID(id) else { throw UsageError("id '\(id)' \(DocumentID.rule)") }
    let type = types[URL(fileURLWithPath: name).pathExtension.lowercased()] ?? ""
    let isText = !type.hasPrefix("application/") && !bytes.starts(with: [0xEF, 0xBB, 0xBF])
    var record: DocumentRecord
    if isText, let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) || type == "text/plain"
    {
      record = DocumentRecord(id: documentID, tenant: tenant, content: .text(text))
    } else {
      record = DocumentRecord(
        id: documentID, tenant: tenant, content: .base64(Data(bytes).base64EncodedString()))
    }
    if !type.isEmpty { record.mediaType = type }
    return record
  }

  /// Reads a .jsonl file: a document record per line.
  ///
  /// - Throws: `UsageError`, which names the file and the line.
  package static func lines(path: String, _ tenant: TenantID) throws -> [DocumentRecord] {
    try lines(bytes(of: path), path, tenant)
  }

  /// Reads a record per line. Its key is its id and its own tenant, or `tenant` if it has none.
  private static func lines(_ data: [UInt8], _ path: String, _ tenant: TenantID) throws -> [DocumentRecord] {
    // As Windows writes them: with a byte order mark, and a carriage return before each line's end.
    let text = data.starts(with: [0xEF, 0xBB, 0xBF]) ? data.dropFirst(3) : data[...]
    return try text.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated().compactMap {
      number, line in
      if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return nil }
      let value: JSONValue
      do { value = try JSONReader.read(Array(line)) } catch {
        throw UsageError("\(path) line \(number + 1): \(error)")
      }
      guard let id = value["id"]?.stringValue.flatMap(DocumentID.init) else {
        throw UsageError("\(path) line \(number + 1): id \(DocumentID.rule)")
      }
      let own = value["tenant"]?.stringValue.flatMap(TenantID.init) ?? tenant
      var members = (value.members ?? []).filter { $0.name != "tenant" }
      members.append(JSONMember(name: "tenant", value: .string(own.rawValue)))
      do {
        var record = try DocumentRecord(
          value: JSONValue.object(members).bytes, key: DocumentKey(tenant: own, id: id))
        record.ignored = members.filter {
          !DocumentRecord.names.contains($0.name) || $0.name == "acl" && $0.value == .null
        }
        return record
      } catch let error as FieldError {
        throw UsageError("\(path) line \(number + 1): \(error.message)")
      }
    }
  }
}
