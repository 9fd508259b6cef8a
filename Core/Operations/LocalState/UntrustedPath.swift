import Failures

/// A file or folder that another user could have made or can change.
package struct UntrustedPath: Failure {
  package var path: String
  /// The owner or the mode that breaks the rule.
  package var finding: String
  /// What the user can do.
  package var advice = ""

  package var kind: FailureKind { .rejected }
  package var description: String {
    "\(path) is not used: it \(finding)" + (advice.isEmpty ? "" : ". \(advice)")
  }
}
