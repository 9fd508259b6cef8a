import Analysis
import Records

/// One query to an index.
package struct IndexQuery: Sendable {
  package var tenant: TenantID
  package var principals: Set<Principal>
  package let filter: MetadataFilter
  /// The filter's JSON, by which segments remember its results; empty when the filter matches everything.
  let filterText: String
  /// The vectors of all windows of the query's text, one behind the other, each of unit length.
  package var vector: [Float]
  /// Whether chunks are searched by vectors. If not, vectors only score the chunks that words have found.
  package var searchesVectors = true
  /// The text to search for by words. If empty, words are not searched.
  package var question: String
  /// The most texts in each list of the answer.
  package var depth: Int
  /// The current time, milliseconds since 1970. Documents that have expired by then are not found.
  package var nowMilliseconds: Int64
  /// The statistics of all shards, for the weights of terms. Terms that they lack are taken to be as common in the
  /// other shards as in this one. Nil: only this index's own statistics are used.
  package var statistics: LexicalStatistics?
  /// The languages in which the question is analysed; nil: the two commonest of the tenant's chunks in this index.
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
