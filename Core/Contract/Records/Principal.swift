/// A user or group that asks or may read: a name in a query's `principals` or in a document's `acl`.
/// Principals are compared and ordered by bytes.
package struct Principal: Sendable, Hashable, Comparable {
  package let rawValue: String

  package init(_ name: String) { rawValue = name }

  package static func == (a: Principal, b: Principal) -> Bool { TextBytes.areEqual(a.rawValue, b.rawValue) }
  package func hash(into hasher: inout Hasher) { TextBytes.hash(rawValue, into: &hasher) }
  package static func < (a: Principal, b: Principal) -> Bool {
    a.rawValue.utf8.lexicographicallyPrecedes(b.rawValue.utf8)
  }
}
