/// Why bytes are not the expected message.
package struct WireError: Error, Sendable, CustomStringConvertible {
  package var position: Int
  package var rule: String
  package var description: String { "byte \(position): \(rule)" }
}
