/// Why bytes are not JSON.
package struct JSONError: Error, Sendable, CustomStringConvertible {
  /// Byte offset from the start of the value.
  package var position: Int
  package var rule: String
  package var description: String { "byte \(position): \(rule)" }
}
