import Failures

/// The reason why a text can't be read as YAML.
package struct YAMLError: Failure {
  /// The line of the error, from 1; 0 when the line is not known.
  package var line: Int
  package var rule: String

  package init(line: Int = 0, rule: String) {
    self.line = line
    self.rule = rule
  }

  package var kind: FailureKind { .rejected }
  package var description: String { line > 0 ? "line \(line) \(rule)" : rule }
}
