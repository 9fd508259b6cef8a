/// The documents of a tenant in one segment that are no longer found, because they were removed or have expired.
package struct DeadDocuments: Sendable {
  /// In the order in which they were noticed: a later list of the same tenant and segment begins with the earlier one.
  let documents: [Int]
  /// False for a view that is older than the remembered counts: then counts for this view are not remembered.
  let isRemembered: Bool
}
