/// The names of record headers.
package enum HeaderName {
  package static let traceparent = "traceparent"
  package static let requestID = "millrace-request-id"
  package static let version = "millrace-version"
  package static let attempt = "millrace-attempt"
  package static let due = "millrace-due"
  /// `checked_at_ms` of an answer, so that readers need not decode it.
  package static let checkedAt = "millrace-checked-at"
  /// topic-partition-offset of the record from which a dead letter was made.
  package static let origin = "millrace-origin"
  package static let errorCode = "millrace-error-code"
  package static let errorField = "millrace-error-field"
  package static let errorRule = "millrace-error-rule"
  package static let errorStage = "millrace-error-stage"
}
