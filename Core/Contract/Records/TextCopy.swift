/// A chunk of another document that has the same text as a hit.
package struct TextCopy: Sendable, Equatable {
  package var document: DocumentKey
  package var version: Version
  package var chunk: UInt32
  package var title: String
  package var uri: String
  /// When the document expires, in milliseconds since 1970; 0 for never, or when it is not known.
  package var expiresAtMilliseconds: Int64

  package init(
    document: DocumentKey, version: Version, chunk: UInt32, title: String, uri: String,
    expiresAtMilliseconds: Int64 = 0
  ) {
    self.document = document
    self.version = version
    self.chunk = chunk
    self.title = title
    self.uri = uri
    self.expiresAtMilliseconds = expiresAtMilliseconds
  }

  package func isExpired(at milliseconds: Int64) -> Bool {
    expiresAtMilliseconds > 0 && expiresAtMilliseconds <= milliseconds
  }

  package var chunkID: String { "\(document)@\(version)#\(chunk)" }

  package var json: JSONValue {
    .object([
      "document_id": .string(document.id.rawValue), "version": .string(version.description),
      "chunk_id": .string(chunkID), "title": .string(title), "uri": .string(uri),
    ])
  }

  /// - Returns: nil when the document's id, the version, or the tenant and number in the chunk's id can't be read.
  init?(json: JSONValue) {
    guard let name = json["chunk_id"]?.stringValue, let mark = name.lastIndex(of: "#"),
      let chunk = UInt32(name[name.index(after: mark)...]),
      let version = json["version"]?.stringValue.flatMap({ Version($0) }),
      let id = json["document_id"]?.stringValue.flatMap(DocumentID.init),
      let slash = name.firstIndex(of: "/"), let tenant = TenantID(String(name[..<slash]))
    else { return nil }
    self.init(
      document: DocumentKey(tenant: tenant, id: id), version: version, chunk: chunk,
      title: json["title"]?.stringValue ?? "", uri: json["uri"]?.stringValue ?? "")
  }
}
