import Records

/// A document to put or to delete.
package struct OutgoingDocument: Sendable {
  package var key: DocumentKey
  /// The document record's JSON; nil deletes the document.
  package var value: [UInt8]?
  /// The key of the record: the document's, but for a request to read it again.
  package var recordKey: [UInt8]

  package init(deleting key: DocumentKey) {
    self.key = key
    recordKey = key.bytes
  }

  /// Takes a request to read a document again back, when it is done.
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
