/// The mark in `rag.vectors` that replaces the vectors of a deleted, failed or dropped version.
package enum Mark: String, Sendable, CaseIterable {
  case deleted, failed, dropped
}
