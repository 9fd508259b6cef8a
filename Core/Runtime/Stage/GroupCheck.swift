import KafkaClient
import Records

/// Compares a group's commits with the records that its topic still holds. A value without I/O.
package enum GroupCheck {
  /// A partition whose commit contradicts its records, because records or whole topics were deleted.
  package struct Problem: Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
      /// The commit lies beyond the end: the topic was deleted and recreated.
      case beyondEnd
      /// Records that the group had not finished were deleted.
      case deletedBefore
    }

    package var group: String
    package var partition: TopicPartition
    package var kind: Kind
    package var committed: Int64
    /// The end offset or the first offset, whichever the commit contradicts.
    package var bound: Int64

    package var description: String {
      switch kind {
      case .beyondEnd:
        "group \(group): its commit \(committed) on \(partition) is beyond the end \(bound): the topic was made again"
      case .deletedBefore:
        "group \(group): \(partition) begins at \(bound), but the group had finished only the records before "
          + "\(committed)"
      }
    }
  }

  /// - Parameters:
  ///   - isCompacted: whether the topic is compacted. Then a partition may begin beyond the commit without a loss, so
  ///     only ends are compared.
  ///   - beginnings: the first offset of each partition; absent ones are not checked.
  ///   - ends: the end offset of each partition; absent ones are not checked.
  package static func problems(
    _ group: String, committed: [TopicPartition: Int64], isCompacted: Bool,
    beginnings: [TopicPartition: Int64],
    ends: [TopicPartition: Int64]
  ) -> [Problem] {
    committed.sorted { $0.key < $1.key }.compactMap { partition, offset in
      if let end = ends[partition], offset > end {
        return Problem(
          group: group, partition: partition, kind: .beyondEnd, committed: offset, bound: end)
      }
      if !isCompacted, let beginning = beginnings[partition], offset < beginning {
        return Problem(
          group: group, partition: partition, kind: .deletedBefore, committed: offset, bound: beginning)
      }
      return nil
    }
  }
}
