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
    "rst": "text/plain",
    "gz": "",
  ]

  /// The extensions of the files that are read from a folder.
  package static var extensions: [String] { types.keys.sorted() }

  /// Reads documents from a file, from a folder, from a `.jsonl` file with a record per line, or from
  /// standard input (`-`). The ids of a folder's documents are their paths within it.
  ///
  /// - Throws: `UsageError` for a file or a line that can't be used; the system's error for a folder that
  ///   can't be read.
  package static func read(path: String, _ tenant: TenantID) throws -> [DocumentRecord] {
    if path == "-" {
      let data = FileHandle.standardInput.readDataToEndOfFile()
      return [try document(id: "stdin", Array(data), name: "standard input", tenant)]
    }
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else {
      throw UsageError("'\(path)' does not exist, or a folder above it can't be entered")
    }
    if attributes[.type] as? FileAttributeType == .typeDirectory { return try directory(path, tenant) }
    let data = try bytes(of: path)
    if path.hasSuffix(".jsonl") { return try lines(data, path, tenant) }
    return [try document(id: URL(fileURLWithPath: path).lastPathComponent, data, name: path, tenant)]
  }

  private static func directory(_ path: String, _ tenant: TenantID) throws -> [DocumentRecord] {
    return try names(under: path).sorted().filter {
      types[URL(fileURLWithPath: $0).pathExtension.lowercased()] != nil
    }
    .map { name in
      try document(id: name, bytes(of: path + "/" + name), name: name, tenant)
    }
  }

  /// - Throws: the system's error for a folder that can't be read, because its documents must not count as
  ///   removed.
  private static func names(under path: String, _ prefix: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).flatMap { name -> [String] in
      let full = path + "/" + name
      let type = try FileManager.default.attributesOfItem(atPath: full)[.type] as? FileAttributeType
      if type == .typeDirectory { return try names(under: full, prefix + name + "/") }
      return [prefix + name]
    }
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
    let isText = type != "application/pdf" && !bytes.starts(with: [0xEF, 0xBB, 0xBF])
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
    try data.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated().compactMap {
      number, line in
      if line.isEmpty { return nil }
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
        return try DocumentRecord(
          value: JSONValue.object(members).bytes, key: DocumentKey(tenant: own, id: id))
      } catch let error as FieldError {
        throw UsageError("\(path) line \(number + 1): \(error.message)")
      }
    }
  }
}
