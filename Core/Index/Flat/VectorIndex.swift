import Catalog
import Records

/// Holds the vectors of visible chunks and finds those nearest to a query. `FlatIndex` implements it.
///
/// An index is used on one executor only.
package protocol VectorIndex {
  /// Makes rows visible.
  mutating func insert(_ rows: [IndexRow])
  /// Removes every row of one set of a document.
  mutating func remove(_ document: DocumentKey, set: SetID)
  /// The best rows for each query. Tenant, ACL, filter and expiry are applied before the top-k. Equal scores
  /// are ordered by document id, then chunk number.
  mutating func search(_ queries: [IndexQuery]) -> [[IndexMatch]]
  var rowCount: Int { get }
}
