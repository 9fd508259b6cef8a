import Records

/// One question to an index.
package struct IndexQuery: Sendable {
  package var tenant: TenantID
  package var principals: Set<Principal>
  package var filter: [String: [MetadataValue]]
  /// Unit length.
  package var vector: [Float]
  package var depth: Int
  /// Documents whose `expires_at` lies before this are not shown.
  package var nowMilliseconds: Int64

  package init(
    tenant: TenantID, principals: [String] = [], filter: [String: [MetadataValue]] = [:], vector: [Float],
    depth: Int, nowMilliseconds: Int64 = 0
  ) {
    self.tenant = tenant
    self.principals = Set(principals.map(Principal.init))
    self.filter = filter
    self.vector = vector
    self.depth = depth
    self.nowMilliseconds = nowMilliseconds
  }
}

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

/// Which chunking of which version.
package struct SetID: Sendable, Hashable {
  package var version: Version
  package var digest: [UInt8]
  package init(version: Version, digest: [UInt8]) {
    self.version = version
    self.digest = digest
  }
}

/// A visible chunk and its vector.
package struct IndexRow: Sendable {
  package var document: DocumentInfo
  package var set: SetID
  package var chunk: Chunk
  package var vector: [Float]

  package init(document: DocumentInfo, set: SetID, chunk: Chunk, vector: [Float]) {
    self.document = document
    self.set = set
    self.chunk = chunk
    self.vector = vector
  }
}

package struct IndexMatch: Sendable {
  package var document: DocumentInfo
  package var set: SetID
  package var chunk: Chunk
  package var score: Float
}
