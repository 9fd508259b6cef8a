/// The key of an event in `rag.document-status`: `tenant/document_id@epoch.offset#state`.
package enum StatusKey {
  package static func bytes(_ document: DocumentKey, _ version: Version, _ state: DocumentState) -> [UInt8] {
    Array("\(document)@\(version)#\(state.rawValue)".utf8)
  }
}
