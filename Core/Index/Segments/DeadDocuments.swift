/// The documents of a tenant in one segment that are not shown any more, because they were removed or have expired.
package struct DeadDocuments: Sendable {
  /// In the order in which they were found. Longer lists of the same segment begin with shorter ones.
  let documents: [Int]
  /// False for a view that is older than what was counted before: then nothing is remembered.
  let isRemembered: Bool
}
