/// Which segments or tables a merge reads.
package enum MergeChoice: Sendable {
  /// Those that the policies choose, or a segment with many removed or expired rows.
  case due
  /// All segments, also a single one, so that nothing removed or expired is left.
  case allSegments
  case allTables
}
