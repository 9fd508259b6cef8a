import Catalog
import Records

/// A visible chunk that an index found for a query; `score` is the cosine.
package struct IndexMatch: Sendable {
  package var document: DocumentInfo
  package var set: SetID
  package var chunk: Chunk
  package var score: Float
}
