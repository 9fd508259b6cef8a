internal import CSQLite

/// What SQLite reported.
struct StorageError: Error, CustomStringConvertible {
  var call: String
  var code: Int32
  var detail: String
  var description: String { "\(call): \(detail) (\(code))" }
}
