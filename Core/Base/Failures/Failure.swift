/// An error of one of our rooms. Its `description` names the field or call, the value and the rule.
package protocol Failure: Error, Sendable, CustomStringConvertible {
  /// Decides what a caller does with the error; callers never look at its text.
  var kind: FailureKind { get }
}
