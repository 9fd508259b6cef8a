/// Who must act on a failure; the same four in every room.
package enum FailureKind: Sendable, Equatable {
  /// The caller is at fault: this input can never succeed. Ends as a dead letter, an HTTP status 4xx or exit code 2.
  case rejected
  /// The same call may succeed later: back off and try again.
  case retriable
  /// Trying again does not help: a person, or a restart of the process, must act.
  case fatal
  /// Nobody waits for the result any more.
  case cancelled
}
