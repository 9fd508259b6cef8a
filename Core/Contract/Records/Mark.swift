/// What a deletion, a rejection or a drop writes to `rag.vectors` in place of vectors.
package enum Mark: String, Sendable, CaseIterable {
  case deleted, failed, dropped
}
