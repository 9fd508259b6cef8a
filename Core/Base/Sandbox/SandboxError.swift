import Failures

/// Why a confined process gave no result.
package enum SandboxError: Failure, Equatable {
  /// The process can't be started or confined on this machine; the text names the system's error.
  case notStarted(String)
  /// The time limit has passed.
  case tookTooLong
  /// The task was cancelled.
  case cancelled
  /// The process closed its pipes, or ended, before it was asked to.
  case ended

  package var kind: FailureKind {
    switch self {
    case .notStarted: .retriable
    case .tookTooLong, .ended: .rejected
    case .cancelled: .cancelled
    }
  }

  package var description: String {
    switch self {
    case .notStarted(let reason): reason
    case .tookTooLong: "took too long"
    case .cancelled: "was cancelled"
    case .ended: "ended early"
    }
  }
}
