/// A document's identity and properties as they travel with its chunks.
package struct DocumentInfo: Sendable, Equatable {
  package var key: DocumentKey
  package var version: Version
  package var title = ""
  package var uri = ""
  package var source = ""
  package var metadata: [String: MetadataValue] = [:]
  /// Nil = the whole tenant may read, empty = nobody.
  package var acl: [String]?
  package var language = ""
  package var expiresAtMilliseconds: Int64 = 0
  /// The reader that read the content; nil if a release before 2026-12 read it, because those did not record it.
  package var reader: ReaderVersion?

  package init(key: DocumentKey, version: Version) {
    self.key = key
    self.version = version
  }

  /// Adds metadata that was found in the document itself, under names that its record does not have.
  ///
  /// - Returns: false when a part was left out because of `DocumentRecord.metadataBytesMax`.
  package mutating func addMetadata(_ own: [String: MetadataValue]) -> Bool {
    var bytes = metadata.reduce(0) { $0 + $1.key.utf8.count + $1.value.byteCount }
    var isWhole = true
    for (name, value) in own.sorted(by: { $0.key < $1.key }) where metadata[name] == nil {
      bytes += name.utf8.count + value.byteCount
      guard bytes <= DocumentRecord.metadataBytesMax else {
        isWhole = false
        break
      }
      metadata[name] = value
    }
    return isWhole
  }

  /// Whether the document has expired at `milliseconds` since 1970. An expired document is neither found
  /// nor cited.
  package func isExpired(at milliseconds: Int64) -> Bool {
    expiresAtMilliseconds > 0 && expiresAtMilliseconds <= milliseconds
  }

  /// The message `Document` of `millrace.proto`.
  package var wireBytes: [UInt8] { WireDocument(self).wireBytes }

  /// - Throws: `WireError` when the bytes are not such a message, or its tenant, id or version is unusable.
  package init(wireBytes: [UInt8]) throws(WireError) { self = try WireDocument(wireBytes: wireBytes).info() }

  /// The properties of a record, with the record's version.
  package init(_ record: DocumentRecord, version: Version) {
    self.init(key: record.key, version: version)
    title = record.title
    uri = record.uri
    source = record.source
    metadata = record.metadata
    acl = record.acl
    language = record.language
    expiresAtMilliseconds = record.expiresAtMilliseconds ?? 0
  }
}
