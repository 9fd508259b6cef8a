/// A record of `rag.documents` that asks ingest to read a document again, from an earlier record on the same partition.
/// The request's key is never a document's key, so compaction never replaces a document by a request. A null value
/// withdraws the request.
package struct RereadRequest: Sendable, Equatable {
  private static let prefix = Array("~reread/".utf8)

  package var document: DocumentKey
  /// The version of the record that holds the content.
  package var version: Version

  /// - Parameter version: of the record, or of an earlier reading of it.
  package init(_ document: DocumentKey, _ version: Version) {
    self.document = document
    self.version = Version(epoch: version.epoch, offset: version.offset)
  }

  /// `~reread/tenant/document_id`; no tenant's name begins with a tilde.
  package var key: [UInt8] { Self.prefix + document.bytes }

  package var value: [UInt8] { JSONValue.object(["version": .string(version.description)]).bytes }

  package static func isKey(_ key: [UInt8]?) -> Bool { key?.starts(with: prefix) == true }

  /// - Parameters:
  ///   - position: the request's offset.
  ///   - epoch: the current `ingest.epoch`. An offset of another epoch belongs to a topic that no longer exists.
  /// - Throws: `FieldError` for a key without a usable document, or a value without a version of this epoch before
  ///   `position`.
  package init(key: [UInt8]?, value: [UInt8]?, at position: Int64, epoch: UInt32) throws(FieldError) {
    guard let key, Self.isKey(key) else {
      throw FieldError(.badKey, field: "key", value: "", rule: "must be ~reread/tenant/document_id")
    }
    document = try DocumentKey(bytes: Array(key.dropFirst(Self.prefix.count)))
    let fields = try FieldReader.read(value ?? [])
    let text = fields.object["version"]?.stringValue ?? ""
    guard let version = Version(text), version.reading == 0, version.offset < position else {
      throw FieldError(
        .badValue, field: "version", value: text,
        rule: "must be epoch.offset of the document's record, before the request's")
    }
    guard version.epoch == epoch else {
      throw FieldError(
        .badValue, field: "version", value: text, rule: "must be of the current epoch, ingest.epoch \(epoch)")
    }
    self.version = version
  }
}
