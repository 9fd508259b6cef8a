/// The topics' names without their prefix. The prefix (`rag.` by default) is a setting.
package enum TopicName: String, Sendable, CaseIterable {
  case documents, chunks, vectors, documentStatus = "document-status", queries, searches, candidates, prompts
  case answers, control, retry, deadletters, audit

  package func name(prefix: String) -> String { prefix + rawValue }

  /// Topics partitioned by `tenant/document_id`: a document has the same partition number in all of them.
  package static let byDocument: [TopicName] = [.documents, .chunks, .vectors, .documentStatus]
  /// Topics whose records belong to a query.
  package static let byQuery: [TopicName] = [.queries, .searches, .candidates, .prompts, .answers]
}
