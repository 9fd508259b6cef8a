/// A state of a document version.
package enum DocumentState: String, Sendable, CaseIterable {
  case accepted, indexed, deleted, failed, superseded

  package var isTerminal: Bool { self != .accepted }
}
