import Records

/// A document to put or to delete.
package struct OutgoingDocument: Sendable {
  package var key: DocumentKey
  /// The document record's JSON; nil deletes the document.
  package var value: [UInt8]?

  package init(deleting key: DocumentKey) { self.key = key }

  package init(_ document: DocumentRecord) {
    key = document.key
    value = document.json.bytes
  }
}
