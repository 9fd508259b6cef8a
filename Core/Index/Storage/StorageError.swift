import Failures

/// A failed call to the disk, or bytes on it that are not what was written.
package struct StorageError: Failure {
  /// What went wrong.
  package enum Code: Sendable, Equatable {
    /// The disk or the quota is full. Writing may succeed later.
    case full
    /// There is no such file.
    case missing
    /// The call failed for another reason.
    case failed
    /// A checksum, a magic number or a length is wrong.
    case corrupt
    /// The file was written by another release, for another embedding model, with other rules for terms, or by a
    /// worker that could not read all records.
    case newer
  }

  package var code: Code
  package var file: String
  package var reason: String

  package init(_ code: Code, file: String, _ reason: String) {
    self.code = code
    self.file = file
    self.reason = reason
  }

  package var kind: FailureKind { code == .full || code == .failed ? .retriable : .fatal }
  package var description: String { "\(file): \(reason)" }
}
