import Records

/// One query to an index.
package struct IndexQuery: Sendable {
  package var tenant: TenantID
  package var principals: Set<Principal>
  package let filter: MetadataFilter
  /// The same text for the same filter.
  let filterText: String
  /// The query's vector, of unit length.
  package var vector: [Float]
  package var depth: Int
  /// The current time, milliseconds since 1970. Documents that have expired by then are not found.
  package var nowMilliseconds: Int64

  package init(
    tenant: TenantID, principals: [String] = [], filter: MetadataFilter = .everything, vector: [Float],
    depth: Int, nowMilliseconds: Int64 = 0
  ) {
    self.tenant = tenant
    self.principals = Set(principals.map(Principal.init))
    self.filter = filter
    filterText = filter.isEverything ? "" : filter.json.text
    self.vector = vector
    self.depth = depth
    self.nowMilliseconds = nowMilliseconds
  }
}
