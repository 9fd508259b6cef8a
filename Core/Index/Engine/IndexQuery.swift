import Analysis
import Records

/// One query to an index.
package struct IndexQuery: Sendable {
  package var tenant: TenantID
  package var principals: Set<Principal>
  package let filter: MetadataFilter
  /// The same text for the same filter.
  let filterText: String
  /// The vector of each window of the query's text, of unit length.
  package var vector: [Float]
  /// False: vectors only score what words have found.
  package var searchesVectors = true
  /// Empty: words are not searched.
  package var question: String
  /// The texts in each list of the answer.
  package var depth: Int
  /// The current time, milliseconds since 1970. Documents that have expired by then are not found.
  package var nowMilliseconds: Int64
  /// What is known of all shards' statistics, to weigh terms with. Terms that it lacks are as common elsewhere as here.
  /// Nil: this index is all.
  package var statistics: LexicalStatistics?
  /// The languages in which the question is analysed; nil: the tenant's two commonest here.
  package var languages: [Language]?

  package init(
    tenant: TenantID, principals: [String] = [], filter: MetadataFilter = .everything, vector: [Float],
    question: String = "", depth: Int, nowMilliseconds: Int64 = 0
  ) {
    self.tenant = tenant
    self.principals = Set(principals.map(Principal.init))
    self.filter = filter
    filterText = filter.isEverything ? "" : filter.json.text
    self.vector = vector
    self.question = question
    self.depth = depth
    self.nowMilliseconds = nowMilliseconds
  }
}
