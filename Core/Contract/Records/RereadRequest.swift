/// A record of `rag.documents` that asks ingest to read a document again, from its record at `offset` of the same
/// partition. Its key is no document's, so compaction never replaces a document by a request.
package struct RereadRequest: Sendable, Equatable {
  private static let prefix = Array("~reread/".utf8)

  package var document: DocumentKey
  package var offset: Int64

  package init(_ document: DocumentKey, offset: Int64) {
    self.document = document
    self.offset = offset
  }

  /// `~reread/tenant/document_id`; no tenant's name begins with a tilde.
  package var key: [UInt8] { Self.prefix + document.bytes }

  package var value: [UInt8] { JSONValue.object(["offset": .int(offset)]).bytes }

  package static func isKey(_ key: [UInt8]?) -> Bool { key?.starts(with: prefix) == true }

  /// - Throws: `FieldError` for a key without a usable document, or a value without an offset below `position`.
  package init(key: [UInt8]?, value: [UInt8]?, at position: Int64) throws(FieldError) {
    guard let key, Self.isKey(key) else {
      throw FieldError(.badKey, field: "key", value: "", rule: "must be ~reread/tenant/document_id")
    }
    document = try DocumentKey(bytes: Array(key.dropFirst(Self.prefix.count)))
    let fields = try FieldReader.read(value ?? [])
    guard let offset = fields.object["offset"]?.integerValue, (0..<position).contains(offset) else {
      throw FieldError(
        .badValue, field: "offset", value: fields.object["offset"]?.text ?? "",
        rule: "must be the offset of the document's record, before the request's")
    }
    self.offset = offset
  }
}
