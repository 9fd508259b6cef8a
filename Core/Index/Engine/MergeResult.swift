/// What a `MergeJob` made, or why it failed.
package struct MergeResult {
  let outcome: Result<MergeJob.Output, any Error>

  package var error: (any Error)? {
    if case .failure(let error) = outcome { return error }
    return nil
  }
}

// Segments and tables are immutable; the error is a `StorageError` or a cancellation.
extension MergeResult: Sendable {}
