import Synchronization

/// Partitions of which ingest begins no record, because their chunks wait too long to be embedded.
final class HeldPartitions: Sendable {
  private let partitions = Mutex<Set<Int32>>([])

  func contains(_ partition: Int32) -> Bool { partitions.withLock { $0.contains(partition) } }
  func keep(_ mine: Set<Int32>) { partitions.withLock { $0.formIntersection(mine) } }
  /// - Returns: the partitions that were not held before.
  func set(_ new: Set<Int32>) -> Set<Int32> {
    partitions.withLock { partitions in
      defer { partitions = new }
      return new.subtracting(partitions)
    }
  }
}
