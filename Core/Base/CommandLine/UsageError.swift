/// A command line that can't be understood; the message names the argument and the rule.
package struct UsageError: Error, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}
