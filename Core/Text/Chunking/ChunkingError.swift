import Failures

/// Why a document is not cut into chunks.
package enum ChunkingError: Failure, Equatable {
  /// It would become more chunks than this.
  case tooMany(Int)
  /// The time limit has passed.
  case tookTooLong

  package var kind: FailureKind { .rejected }

  package var description: String {
    switch self {
    case .tooMany(let count): "the document would become more than \(count) chunks"
    case .tookTooLong: "the document was not cut into chunks in time"
    }
  }
}
