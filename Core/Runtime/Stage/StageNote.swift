import KafkaClient

/// Reads the note that a stage's work stored in a commit.
package enum StageNote {
  /// - Returns: nil when the commit carries no note. Commits of earlier releases carry none.
  package static func read(_ committed: CommittedOffset) -> Int64? {
    CommitMetadata(committed.metadata, base: committed.nextOffset)?.note
  }
}
