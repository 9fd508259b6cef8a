/// The names of record headers.
package enum HeaderName {
  package static let traceparent = "traceparent"
  package static let requestID = "millrace-request-id"
  package static let version = "millrace-version"
  package static let attempt = "millrace-attempt"
  package static let due = "millrace-due"
  /// topic-partition-offset of the record that a dead letter or retry was made from.
  package static let origin = "millrace-origin"
  package static let errorCode = "millrace-error-code"
  package static let errorField = "millrace-error-field"
  package static let errorRule = "millrace-error-rule"
  package static let errorStage = "millrace-error-stage"
}

/// One header; values are bytes, ours are UTF-8.
package struct RecordHeader: Sendable, Equatable {
  package var name: String
  package var value: [UInt8]

  package init(_ name: String, _ value: [UInt8]) {
    self.name = name
    self.value = value
  }

  package init(_ name: String, _ text: String) { self.init(name, Array(text.utf8)) }
}

/// The suffixes of our topics; the prefix (`rag.`) is a setting.
package enum TopicName: String, Sendable, CaseIterable {
  case documents, chunks, vectors, documentStatus = "document-status", queries, searches, candidates, prompts
  case answers, control, retry, deadletters, audit

  package func name(prefix: String) -> String { prefix + rawValue }

  /// Topics partitioned by `tenant/document_id`, whose counts are fixed for a generation.
  package static let byDocument: [TopicName] = [.documents, .chunks, .vectors, .documentStatus]
  /// Topics partitioned by `tenant/query_id`, whose counts are equal.
  package static let byQuery: [TopicName] = [.queries, .searches, .candidates, .prompts, .answers]
}
