import KafkaClient

/// The note that a stage's work left in a commit.
package enum StageNote {
  /// - Returns: nil when the commit carries none, as those of the former release.
  package static func read(_ committed: CommittedOffset) -> Int64? {
    CommitMetadata(committed.metadata, base: committed.nextOffset)?.note
  }
}
