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
