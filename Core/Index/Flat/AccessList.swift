import Records

/// Who may read a document, hashed once when it comes. All rows of a version share one object.
final class AccessList: Sendable {
  /// As the document has it.
  let names: [String]
  let principals: Set<Principal>

  init(_ names: [String]) {
    self.names = names
    principals = Set(names.map(Principal.init))
  }
}
