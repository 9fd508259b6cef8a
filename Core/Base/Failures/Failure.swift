/// An error of one of our modules. Its `description` names the field or call, the value and the rule.
package protocol Failure: Error, Sendable, CustomStringConvertible {
  /// Who must act. Callers decide by the kind, never by the text.
  var kind: FailureKind { get }
}
