import Engine

/// Decides whether the tail of the log is enough to bring a stored index up to date. A value.
///
/// Compaction removes the tombstones of deleted documents after `delete.retention.ms`. An index that has not read the
/// log for longer would miss them, and keep the documents for ever.
struct VolumeCheck {
  /// Why the index must be rebuilt from the whole log.
  struct Reason: Equatable {
    /// For the metric: `layout`, `gap`, `shorter`, `old` or `reports`.
    var code: String
    var text: String
  }

  /// The shard's partitions.
  var partitions: [Int32]
  /// By partition: the log's bounds, and the next offset committed by the group that reports the states of versions.
  var beginnings: [Int32: Int64]
  var ends: [Int32: Int64]
  var committed: [Int32: Int64]
  /// `delete.retention.ms` of the topic.
  var retentionMilliseconds: Int64

  /// An index must have read the log to its end within this time. An eighth of the retention is left for reading the
  /// tail.
  var ageMax: Int64 { retentionMilliseconds - retentionMilliseconds / 8 }

  func reason(against states: [Int32: PartitionState], nowMilliseconds: Int64) -> Reason? {
    let foreign = states.keys.filter { !partitions.contains($0) }.sorted()
    if let first = foreign.first {
      return Reason(code: "layout", text: "the volume holds partition \(first), which is another shard's")
    }
    for partition in partitions {
      guard let state = states[partition], state.nextOffset > 0 else { continue }
      let next = state.nextOffset
      if let end = ends[partition], end < next {
        return Reason(
          code: "shorter", text: "partition \(partition) ends at \(end), and \(next) records were applied")
      }
      if let beginning = beginnings[partition], beginning > next {
        return Reason(
          code: "gap",
          text: "partition \(partition) begins at \(beginning), and the volume has read up to \(next)")
      }
      if let age = age(of: state, nowMilliseconds), age > ageMax {
        return Reason(
          code: "old",
          text: "partition \(partition) was read \(age / 1000) s ago, and tombstones are kept for "
            + "\(retentionMilliseconds / 1000) s")
      }
      if state.reportedTo > committed[partition] ?? 0 {
        return Reason(
          code: "reports",
          text: "the states of partition \(partition) are committed up to \(committed[partition] ?? 0), "
            + "and decisions are kept from \(state.reportedTo) on")
      }
    }
    return nil
  }

  /// How long ago the partition was read to its end, in ms; nil when nothing of it was read.
  func age(of state: PartitionState, _ nowMilliseconds: Int64) -> Int64? {
    state.nextOffset == 0 ? nil : nowMilliseconds - state.coveredMilliseconds
  }
}
