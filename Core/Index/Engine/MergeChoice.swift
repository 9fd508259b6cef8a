/// What a merge takes.
package enum MergeChoice: Sendable {
  /// What the policy finds worth it.
  case due
  /// All segments, also a single one, so that nothing removed or expired is left.
  case allSegments
  case allTables
}
