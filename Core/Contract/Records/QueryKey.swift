/// `tenant/query_id`: the key of a query in `rag.searches` and all later topics.
package struct QueryKey: Sendable, Hashable, CustomStringConvertible {
  package var tenant: TenantID
  package var id: QueryID

  package init(tenant: TenantID, id: QueryID) {
    self.tenant = tenant
    self.id = id
  }

  package var description: String { "\(tenant)/\(id)" }
  package var bytes: [UInt8] { Array(description.utf8) }
}
