internal import CSQLite

/// A value bound to a statement.
enum SQLValue {
  case int(Int64)
  case text(String)
  case blob([UInt8])
}
