import Failures

/// Text that is no YAML, or none that is read here.
package struct YAMLError: Failure {
  /// From 1; 0 for an error without a place.
  package var line: Int
  package var rule: String

  package init(line: Int = 0, rule: String) {
    self.line = line
    self.rule = rule
  }

  package var kind: FailureKind { .rejected }
  package var description: String { line > 0 ? "line \(line) \(rule)" : rule }
}
