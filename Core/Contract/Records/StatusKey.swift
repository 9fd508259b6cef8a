/// The key of an event in `rag.document-status`: `tenant/document_id@epoch.offset#state`.
package struct StatusKey: Sendable, Equatable {
  package var document: DocumentKey
  package var version: Version
  package var state: DocumentState

  package init(_ document: DocumentKey, _ version: Version, _ state: DocumentState) {
    self.document = document
    self.version = version
    self.state = state
  }

  /// Reads a key from the right, because a document's id may contain any of the separators.
  package init?(bytes: [UInt8]?) {
    guard let bytes, let hash = bytes.lastIndex(of: UInt8(ascii: "#")),
      let at = bytes[..<hash].lastIndex(of: UInt8(ascii: "@")),
      let state = DocumentState(rawValue: String(decoding: bytes[(hash + 1)...], as: UTF8.self)),
      let version = Version(String(decoding: bytes[(at + 1)..<hash], as: UTF8.self)),
      let document = try? DocumentKey(bytes: Array(bytes[..<at]))
    else { return nil }
    self.init(document, version, state)
  }

  package var bytes: [UInt8] { Array("\(document)@\(version)#\(state.rawValue)".utf8) }

  package static func bytes(_ document: DocumentKey, _ version: Version, _ state: DocumentState) -> [UInt8] {
    StatusKey(document, version, state).bytes
  }
}
