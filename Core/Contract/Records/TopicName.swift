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
