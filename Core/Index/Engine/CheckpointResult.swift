/// What a `CheckpointJob` made, or why it failed.
package struct CheckpointResult {
  let outcome: Result<CheckpointJob.Outcome, any Error>

  package var error: (any Error)? {
    if case .failure(let error) = outcome { return error }
    return nil
  }
}

// Segments, tables and manifests are immutable; the error is a `StorageError` or a cancellation.
extension CheckpointResult: Sendable {}
