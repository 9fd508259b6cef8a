/// Who must act on a failure. Every module uses the same four kinds.
package enum FailureKind: Sendable, Equatable {
  /// The caller is at fault: this input can never succeed. It becomes a dead letter or an error of the
  /// command.
  case rejected
  /// The same call may succeed later: wait, then retry.
  case retriable
  /// A retry does not help: a person must act, or the process must be restarted.
  case fatal
  /// The result is no longer wanted.
  case cancelled
}
