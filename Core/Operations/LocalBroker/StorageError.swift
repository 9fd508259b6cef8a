import Failures

/// A failed call of SQLite or of the operating system. `code` is SQLite's result code or `errno`.
struct StorageError: Failure {
  var call: String
  var code: Int32
  var detail: String
  var kind: FailureKind { .fatal }
  var description: String { "\(call): \(detail) (\(code))" }
}
