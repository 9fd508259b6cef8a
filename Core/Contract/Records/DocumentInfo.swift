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

  package init(key: DocumentKey, version: Version) {
    self.key = key
    self.version = version
  }

  /// Whether the document has expired at `milliseconds` since 1970. An expired document is neither found
  /// nor cited.
  package func isExpired(at milliseconds: Int64) -> Bool {
    expiresAtMilliseconds > 0 && expiresAtMilliseconds <= milliseconds
  }

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
