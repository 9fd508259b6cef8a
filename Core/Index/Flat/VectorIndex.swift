import Catalog
import Records

/// What holds the vectors of visible chunks and finds the nearest. The exact scan is one; a segmented engine
/// replaces it behind this protocol.
///
/// Confined to one executor.
package protocol VectorIndex {
  /// Makes rows visible.
  mutating func insert(_ rows: [IndexRow])
  /// Takes every row of a document's set away.
  mutating func remove(_ document: DocumentKey, set: SetID)
  /// The best rows of each query: tenant, ACL, filter and expiry are applied before the top-k; ties by document
  /// id, then chunk number.
  mutating func search(_ queries: [IndexQuery]) -> [[IndexMatch]]
  var rowCount: Int { get }
}
