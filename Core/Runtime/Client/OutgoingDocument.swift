import Records

/// A document to put or to delete.
package struct OutgoingDocument: Sendable {
  package var key: DocumentKey
  /// The document record's JSON; nil deletes the document.
  package var value: [UInt8]?
  /// The record's key: that of the document or, for a request to read the document again, that of the request.
  package var recordKey: [UInt8]

  package init(deleting key: DocumentKey) {
    self.key = key
    recordKey = key.bytes
  }

  /// Makes the tombstone that withdraws a request to read a document again.
  package init(takingBack request: RereadRequest) {
    key = request.document
    recordKey = request.key
  }

  package init(_ request: RereadRequest) {
    key = request.document
    recordKey = request.key
    value = request.value
  }

  package init(_ document: DocumentRecord) {
    key = document.key
    recordKey = document.key.bytes
    value = document.json.bytes
  }
}
