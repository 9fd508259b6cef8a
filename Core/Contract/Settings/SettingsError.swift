import Failures

/// A setting that breaks its rule.
package struct SettingsError: Failure {
  package var key: String
  package var value: String
  package var rule: String
  package init(key: String, value: String, rule: String) {
    self.key = key
    self.value = value
    self.rule = rule
  }
  package var kind: FailureKind { .rejected }
  package var description: String {
    value.isEmpty ? "setting \(key): \(rule)" : "setting \(key): '\(value)' \(rule)"
  }
}
