/// How a stage takes records.
package struct StageShape: Sendable {
  /// How many records one call of the work gets at most.
  package var batchMax: Int
  /// How many records may be in work at once. Those that only wait for their acknowledgement do not count.
  package var inWorkMax: Int
  /// True when the records of a partition must be finished in order: then a partition's next records are begun only
  /// after its earlier ones are finished.
  package var isOrdered: Bool
  /// Whether one call of the work may get records of several partitions.
  package var mixesPartitions: Bool

  package init(batchMax: Int, inWorkMax: Int, isOrdered: Bool, mixesPartitions: Bool = true) {
    self.batchMax = batchMax
    self.inWorkMax = inWorkMax
    self.isOrdered = isOrdered
    self.mixesPartitions = mixesPartitions
  }

  /// One call of the work at a time, each with up to `count` records: for work that is cheaper in batches.
  package static func batches(of count: Int, isOrdered: Bool) -> StageShape {
    StageShape(batchMax: count, inWorkMax: count, isOrdered: isOrdered)
  }

  /// One record a call, and up to `count` calls at a time: for work that mostly waits for something else.
  package static func window(of count: Int) -> StageShape {
    StageShape(batchMax: 1, inWorkMax: count, isOrdered: false)
  }
}
