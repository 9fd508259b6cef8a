import Failures

/// A command line that can't be understood; the message names the argument and the rule.
package struct UsageError: Failure {
  package let description: String
  package var kind: FailureKind { .rejected }
  package init(_ description: String) { self.description = description }
}
